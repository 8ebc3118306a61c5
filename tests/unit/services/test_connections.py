"""Nobody holds a connection to the database while he waits for anything else."""

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.persistence.databases import Shelf
from tests.unit.services.test_recorder import POLICY, end_of
from veilgate.domain.errors import StageFailed
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureLimits
from veilgate.services.engines.picture_ends import PictureEnds
from veilgate.services.engines.recorder import Recorder
from veilgate.services.engines.settlements import Settlement
from veilgate.services.images.copies import Copies
from veilgate.services.images.housekeeping import Housekeeping
from veilgate.services.jobs.lease_expiry import LeaseExpiry
from veilgate.services.jobs.lookup_jobs import LookupJobs
from veilgate.services.uploads.batches import Batches
from veilgate.services.uploads.intake import Intake, Upload
from veilgate.services.uploads.spool import Spool
from veilgate.storage.local import LocalObjectStore

Receive = Callable[..., Upload]
DAY = "original/2026/01/01/"


class HangingStore(LocalObjectStore):
    """Every call that leaves the process waits until the test lets it go on."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.entered: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.may_go_on = threading.Semaphore(0)

    def __getattribute__(self, name: str) -> object:
        found = super().__getattribute__(name)
        if name not in {"put", "put_file", "get", "open_chunks", "list", "delete", "check"}:
            return found

        def hang(*arguments: object, **named: object) -> object:
            self.entered.put(name)
            assert self.may_go_on.acquire(timeout=20)
            assert callable(found)
            return found(*arguments, **named)

        return hang


@pytest.fixture
def store(tmp_path: Path) -> HangingStore:
    return HangingStore(tmp_path / "objects")


@pytest.fixture
def received(tmp_path: Path, astronaut_jpeg: bytes) -> Iterator[Receive]:
    """Makes uploads, each with a file of its own, which the store may move away."""
    with ExitStack() as stack:

        def receive(*, tail: bytes = b"") -> Upload:
            file = stack.enter_context(Spool(tmp_path / "incoming").open())
            file.write(astronaut_jpeg + tail)
            return Upload(file, "a.jpg", UploadOptions(), "owner-1", None)

        yield receive


def calls_while_idle(shelf: Shelf, store: HangingStore, work: Callable[[], object]) -> list[str]:
    """What the work asked of the store; each time, all connections were in the pool."""
    asked: list[str] = []
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(work)
        while not (done.done() and store.entered.empty()):
            try:
                asked.append(store.entered.get(timeout=0.05))
            except queue.Empty:
                continue
            held = shelf.engine.pool.checkedout()  # type: ignore[attr-defined]
            store.may_go_on.release()
            assert held == 0, f"{held} connections are held while the store is asked to {asked[-1]}"
        done.result()
    return asked


def test_accepting(shelf: Shelf, store: HangingStore, received: Receive) -> None:
    intake = Intake(shelf.database, store, limits=PictureLimits(), models="")
    work = [lambda: intake.accept(received(), idempotency_key="key")] * 2
    batches = Batches(shelf.database, intake)
    batch = batches.begin("owner-1", UploadOptions(), idempotency_key=None)
    work += [
        lambda: batches.add(batch, 0, received(tail=b"another")),
        lambda: batches.add(batch, 1, received()),
    ]
    asked = [calls_while_idle(shelf, store, one) for one in work]
    assert asked == [["put_file"], [], ["put_file"], []], "the last one's picture is known"


def test_accepting_what_cannot_be_written_down(shelf: Shelf, store: HangingStore, received: Receive) -> None:
    intake = Intake(shelf.database, store, limits=PictureLimits(), models="")
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("ALTER TABLE stage_events RENAME TO lost")

    def accept() -> None:
        with pytest.raises(Exception):  # noqa: B017, PT011 - which one is test_intake's matter
            intake.accept(received())

    assert calls_while_idle(shelf, store, accept) == ["put_file", "delete"]


def test_recording(shelf: Shelf, store: HangingStore) -> None:
    shelf.add("a", "b")
    for job_id in "ab":
        shelf.claim(job_id)
    settled: queue.SimpleQueue[Settlement] = queue.SimpleQueue()
    recorder = Recorder(
        shelf.database,
        PictureEnds(shelf.database, store, LookupJobs()),
        retry_policy=POLICY,
        settled=settled.put,
        wake=lambda _job_ids: None,
        submitted=lambda _job: None,
    )
    recorder.work_ended(end_of("a"))
    recorder.work_ended(end_of("b", error=StageFailed()))
    assert calls_while_idle(shelf, store, recorder.close) == ["list", "delete"]
    assert settled.qsize() == 2


def test_putting_right(shelf: Shelf, store: HangingStore) -> None:
    shelf.add("a", "b")
    for job_id in "ab":
        shelf.claim(job_id, alone=True)
        shelf.change(job_id, attempts=9)
        shelf.expire(job_id)
    expiry = LeaseExpiry(shelf.database, store, policy=POLICY, wake=lambda _job_ids: None)
    assert calls_while_idle(shelf, store, expiry.expire) == ["list", "delete"] * 2
    housekeeping = Housekeeping(shelf.database, store)
    assert "list" in calls_while_idle(shelf, store, lambda: housekeeping.remove_orphans(DAY))


def test_handing_out(shelf: Shelf, store: HangingStore, received: Receive) -> None:
    intake = Intake(shelf.database, store, limits=PictureLimits(), models="")
    accepted: list[str] = []
    calls_while_idle(shelf, store, lambda: accepted.append(intake.accept(received()).job_id))
    copies = Copies(shelf.database, store)
    hand_out = lambda: list(copies.open(copies.original(accepted[0], "owner-1"))[1])  # noqa: E731
    assert calls_while_idle(shelf, store, hand_out) == ["open_chunks"]
