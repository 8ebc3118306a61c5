"""A worker whose device is lost lets go of its jobs as if it had never had them."""

import threading

from tests.integration.persistence.databases import Shelf
from tests.integration.queueing.lists import Lists
from tests.integration.queueing.stand_in_engine import StandInEngine
from tests.integration.queueing.test_session import worker_of
from veilgate.domain.errors import DeviceLost
from veilgate.persistence.records import ClaimedJob

FIRST, BESIDE, OFTEN = "job-0", ("job-1", "job-2", "job-3"), "job-4"


def test_all_go_back_without_blame(shelf: Shelf, lists: Lists) -> None:
    others_begun, over = threading.Event(), threading.Event()
    begun: set[str] = set()

    def behave(job: ClaimedJob) -> None:
        begun.add(job.id)
        if len(begun) == 5:
            others_begun.set()
        if job.id == FIRST:
            assert others_begun.wait(20)
            raise DeviceLost("CUDA error: unknown error")
        assert over.wait(20), "as a device does that hangs for the others"

    shelf.add(FIRST, *BESIDE, OFTEN)
    shelf.change(OFTEN, deliveries=8)
    shelf.change("job-1", attempts=1)
    lists.put(FIRST, *BESIDE, OFTEN)
    engine = StandInEngine(shelf.database, behave)
    worker = worker_of(shelf, lists, engine)
    worker.work(logging_level="WARNING")
    left = shelf.job(OFTEN)
    over.set()
    engine.close()
    assert isinstance(worker.lost_device, DeviceLost), "it ended, unasked, and says why"
    for job_id in (FIRST, *BESIDE):
        row = shelf.job(job_id)
        assert (row["status"], row["suspect"], row["dispatched_at_ms"]) == ("submitted", 0, None)
        assert row["attempts"] == (1 if job_id == "job-1" else 0)
    assert left["status"] == "processing", (
        "one that is always there when a device is lost is for others to judge"
    )
    assert (lists.handed_over(), lists.started()) == ([], [])
    assert sorted(lists.waiting()) == sorted([FIRST, *BESIDE, OFTEN])
    events = shelf.rows("SELECT payload FROM stage_events WHERE job_id = :id ORDER BY seq", id=FIRST)
    assert events[-1] == {"payload": '{"device_lost": true, "attempts": 0}'}
