"""The bill of whoever is cut off, over real HTTP and a real Redis."""

import asyncio

from tests.fixtures.private_redis import RunningRedis
from tests.integration.lookups.scripted_provider import ask, careful_calls, good, paid, scripted, silence
from veilgate.lookups.running_bill import keeping_bill, spent_so_far


def test_what_was_asked_and_what_is_being_asked_is_on_it(redis_server: RunningRedis) -> None:
    async def work() -> None:
        async with scripted(good(), silence) as provider, careful_calls(redis_server.url) as calls:
            with keeping_bill():
                await ask(calls, provider.question())
                assert spent_so_far() == paid()
                again = asyncio.create_task(ask(calls, provider.question(text="and this?")))
                while len(provider.received) < 2:
                    await asyncio.sleep(0.01)
                again.cancel()
                await asyncio.wait([again])
                assert spent_so_far() == paid() + paid()

    asyncio.run(asyncio.wait_for(work(), 20))
