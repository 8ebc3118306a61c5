"""What providers said of an image is forgotten with it."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.fixtures.private_redis import RunningRedis, StartRedis
from tests.integration.lookups.scripted_provider import FREE, ask, careful_calls, good, scripted
from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.ids import new_id
from veilgate.domain.lookups import Asked, Bill
from veilgate.lookups.answer_cache import ForgetAnswers
from veilgate.services.images.erase import AskedBy, Erase, ErasedFiles
from veilgate.storage.local import LocalObjectStore

ME = AskedBy("key-1")
SPENT = b"veilgate:spent-today"


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def ask_about(redis_url: str, *image_ids: str) -> None:
    async def work() -> None:
        async with scripted(good()) as provider, careful_calls(redis_url) as calls:
            for image_id in image_ids:
                for name in ("google_vision", FREE):
                    question = provider.question(name, text=f"of {image_id}")
                    assert (await ask(calls, question, Asked(OWNER, image_id))).bill.calls == 1

    run(work())


def test_erasing_an_image_forgets_its_answers_and_no_others(
    redis_server: RunningRedis, sqlite_shelf: Shelf, store: LocalObjectStore
) -> None:
    erased, kept = new_id(), new_id()
    sqlite_shelf.add(erased, kept)
    ask_about(redis_server.url, erased, kept)
    with Redis.from_url(redis_server.url) as redis:
        Erase(sqlite_shelf.database, store, forget_answers=ForgetAnswers(redis)).erase(erased, OWNER, ME)
        keys = {key for key in redis.scan_iter() if key != SPENT}
    assert keys == {f"veilgate:answers-of:{kept}".encode(), f"veilgate:answers:{OWNER}:of {kept}".encode()}


def test_the_sweep_forgets_what_came_after(
    redis_server: RunningRedis, sqlite_shelf: Shelf, store: LocalObjectStore
) -> None:
    image_id = new_id()
    sqlite_shelf.add(image_id)
    Erase(sqlite_shelf.database, store).erase(image_id, OWNER, ME)
    ask_about(redis_server.url, image_id)
    with sqlite_shelf.database.write() as transaction:
        transaction.tombstones.look_again(image_id, at_ms=1)
    with Redis.from_url(redis_server.url) as redis:
        files = ErasedFiles(
            sqlite_shelf.database, store, settled_after_s=0, forget_answers=ForgetAnswers(redis)
        )
        assert files.sweep_due() == 1
        assert set(redis.scan_iter()) == {SPENT}


def test_a_redis_that_is_away_stops_no_erasing(
    start_redis: StartRedis, sqlite_shelf: Shelf, store: LocalObjectStore
) -> None:
    image_id, redis = new_id(), start_redis()
    sqlite_shelf.add(image_id)
    redis.kill()
    with Redis.from_url(redis.url) as client:
        erase = Erase(sqlite_shelf.database, store, forget_answers=ForgetAnswers(client))
        assert erase.erase(image_id, OWNER, ME).is_swept
    assert not erase.is_there(image_id)


def test_answers_go_by_themselves(redis_server: RunningRedis) -> None:
    now_s = 1000.0

    async def work() -> None:
        nonlocal now_s
        async with (
            scripted(good()) as provider,
            careful_calls(redis_server.url, clock=lambda: now_s) as calls,
        ):
            fleeting, lasting = provider.question("ebay_search"), provider.question("google_vision")
            for question in (lasting, fleeting):
                await ask(calls, question)
            now_s += 6 * 3600 + 1  # so long what is on offer is of use
            assert (await ask(calls, lasting)).bill == Bill(cached=1)
            assert (await ask(calls, fleeting)).bill == Bill(calls=1)
            now_s += 18 * 3600
            assert (await ask(calls, lasting)).bill.calls == 1

    run(work())
    with Redis.from_url(redis_server.url) as redis:
        assert {86_390 <= redis.ttl(key) <= 86_400 for key in redis.scan_iter() if key != SPENT} == {True}
