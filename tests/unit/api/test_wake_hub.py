"""News of jobs, announced from any thread, heard on the loop."""

import asyncio
import threading
from collections.abc import Sequence

from veilgate.api.wake_hub import WakeHub

JOB = "job"


def test_news_from_another_thread_are_heard_on_the_loop() -> None:
    async def listen() -> list[tuple[Sequence[str], int]]:
        hub, heard, told = WakeHub(), [], asyncio.Event()

        def hear(job_ids: Sequence[str]) -> None:
            heard.append((job_ids, threading.get_ident()))
            told.set()

        hub.attach()
        hub.listen(hear)
        threading.Thread(target=hub.notify, args=([JOB],)).start()
        await asyncio.wait_for(told.wait(), 5)
        return heard

    assert asyncio.run(listen()) == [([JOB], threading.get_ident())]


def test_closing_is_heard_as_no_job_at_all() -> None:
    async def listen() -> tuple[Sequence[str], bool]:
        hub, heard = WakeHub(), asyncio.Queue[Sequence[str]]()
        hub.attach()
        hub.listen(heard.put_nowait)
        threading.Thread(target=hub.close).start()
        return await asyncio.wait_for(heard.get(), 5), hub.is_closed

    assert asyncio.run(listen()) == ((), True)


def test_news_before_and_after_the_loop_are_dropped() -> None:
    hub, heard = WakeHub(), list[Sequence[str]]()
    hub.listen(heard.append)
    hub.notify([JOB])

    async def attach() -> None:
        hub.attach()

    asyncio.run(attach())
    hub.notify([JOB])
    assert heard == []
