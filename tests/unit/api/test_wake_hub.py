"""Waiting for news of a job, announced from any thread."""

import asyncio
import threading

from veilgate.api.wake_hub import WakeHub, wait_for_news

JOB, OTHER = "job", "other"


def test_all_watchers_of_a_job_are_woken_from_another_thread() -> None:
    async def watch() -> tuple[bool, bool, bool]:
        hub = WakeHub()
        hub.attach()
        with hub.watch(JOB) as first, hub.watch(JOB) as second, hub.watch(OTHER) as third:
            threading.Thread(target=hub.notify, args=([JOB],)).start()
            await wait_for_news(first, 5)
            await wait_for_news(second, 5)
            return first.is_set(), second.is_set(), third.is_set()

    assert asyncio.run(watch()) == (True, True, False)


def test_waiting_ends_when_the_time_is_up() -> None:
    async def watch() -> bool:
        hub = WakeHub()
        hub.attach()
        with hub.watch(JOB) as news:
            await wait_for_news(news, 0.01)
            return news.is_set()

    assert asyncio.run(watch()) is False


def test_closing_wakes_everybody_for_the_last_time() -> None:
    async def watch() -> tuple[bool, bool, bool]:
        hub = WakeHub()
        hub.attach()
        with hub.watch(JOB) as first, hub.watch(OTHER) as second:
            threading.Thread(target=hub.close).start()
            await wait_for_news(first, 5)
            return first.is_set(), second.is_set(), hub.is_closed

    assert asyncio.run(watch()) == (True, True, True)


def test_nobody_is_remembered_after_watching() -> None:
    async def watch() -> dict[str, set[asyncio.Event]]:
        hub = WakeHub()
        hub.attach()
        with hub.watch(JOB), hub.watch(JOB):
            pass
        return hub._waiting

    assert asyncio.run(watch()) == {}


def test_news_before_and_after_the_loop_are_dropped() -> None:
    hub = WakeHub()
    hub.notify([JOB])

    async def attach() -> None:
        hub.attach()

    asyncio.run(attach())
    hub.notify([JOB])
