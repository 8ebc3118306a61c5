"""From a committed row to RQ's list: by the gateway's thread, or later by the reconciler."""

import time

from tests.fixtures.private_redis import StartRedis
from tests.integration.persistence.databases import Shelf
from tests.integration.queueing.lists import Lists
from veilgate.domain.jobs import JobKind, Lane
from veilgate.persistence.records import DueJob
from veilgate.queueing.enqueue import Dispatcher, dispatch_group


def due(*job_ids: str, lane: Lane = Lane.INTERACTIVE) -> list[DueJob]:
    return [DueJob(job_id, JobKind.VEIL, lane) for job_id in job_ids]


def dispatched(shelf: Shelf) -> set[str]:
    rows = shelf.rows("SELECT id FROM jobs WHERE dispatched_at_ms IS NOT NULL")
    return {row["id"] for row in rows}


def test_the_dispatcher_enqueues_and_writes_down_that_it_did(shelf: Shelf, lists: Lists) -> None:
    job_ids = [f"job-{number:03}" for number in range(300)]
    shelf.add(*job_ids)
    dispatcher = Dispatcher(shelf.database, lists.work_list)
    for job_id in job_ids:
        dispatcher(job_id, JobKind.VEIL, Lane.BULK)
    dispatcher.close()
    assert lists.waiting(Lane.BULK) == job_ids, "in the order of acceptance"
    assert dispatched(shelf) == set(job_ids)


def test_what_is_listed_is_marked_soon_though_uploads_never_pause(shelf: Shelf, lists: Lists) -> None:
    """Or the reconciler, which looks for what was not marked for a second, lists it all again."""
    job_ids = [f"job-{number:03}" for number in range(200)]
    shelf.add(*job_ids)
    dispatcher = Dispatcher(shelf.database, lists.work_list)
    given = 0
    for job_id in job_ids:
        dispatcher(job_id, JobKind.VEIL, Lane.BULK)
        given += 1
        if dispatched(shelf):
            break
        time.sleep(0.01)  # never long enough for a pause
    dispatcher.close()
    assert given < len(job_ids)


def test_a_dispatcher_survives_a_redis_that_is_away(shelf: Shelf, start_redis: StartRedis) -> None:
    server = start_redis()
    lists = Lists(server.url)
    shelf.add("lost", "kept")
    server.kill()
    dispatcher = Dispatcher(shelf.database, lists.work_list)
    dispatcher("lost", JobKind.VEIL, Lane.BULK)
    dispatcher.close()
    assert dispatched(shelf) == set(), "the reconciler will see that nobody put it on a list"
    server.start()
    assert dispatch_group(shelf.database, lists.work_list, due("lost", "kept")) == 2
    assert dispatched(shelf) == {"lost", "kept"}
    lists.redis.close()


def test_a_full_redis_leaves_jobs_undispatched(shelf: Shelf, start_redis: StartRedis) -> None:
    lists = Lists(start_redis().url)
    shelf.add("a", "b")
    lists.put("before")
    lists.redis.config_set("maxmemory", "1")
    assert dispatch_group(shelf.database, lists.work_list, due("a", "b")) == 0
    assert dispatched(shelf) == set()
    lists.redis.close()


def test_a_job_that_began_meanwhile_is_not_marked(shelf: Shelf, lists: Lists) -> None:
    shelf.add("a")
    shelf.claim("a")
    dispatch_group(shelf.database, lists.work_list, due("a"))
    assert dispatched(shelf) == set()


def test_a_redis_that_refuses_leaves_the_job_to_the_reconciler(shelf: Shelf, lists: Lists) -> None:
    """As when it cannot write its log (MISCONF): the thread that dispatches must live through it."""
    shelf.add("a")
    lists.redis.set(lists.lanes[Lane.INTERACTIVE].key, "not a list")
    assert dispatch_group(shelf.database, lists.work_list, due("a")) == 0
    assert dispatched(shelf) == set()
