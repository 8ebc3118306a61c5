"""The recorder: groups share a transaction, nobody is taken along, and no file is left without a row."""

import json
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy import event, text

from tests.integration.persistence.databases import Shelf
from tests.unit.stages.stand_in_stages import work_of
from tests.waiting import wait_until
from veilgate.domain.errors import (
    DatabaseUnavailable,
    ObjectStoreUnavailable,
    StageFailed,
    UndecodablePicture,
    VeilgateError,
)
from veilgate.domain.outcomes import Outcome
from veilgate.domain.retry import RetryPolicy
from veilgate.persistence.engine import WRITES, open_engine
from veilgate.persistence.records import DueJob
from veilgate.services.engines import recorder as recorder_module
from veilgate.services.engines.engine_reports import StageReport
from veilgate.services.engines.picture_ends import PictureEnds
from veilgate.services.engines.picture_engine import PictureEnd
from veilgate.services.engines.recorder import Recorder
from veilgate.services.engines.settlements import Settlement, Verdict
from veilgate.services.jobs.lookup_jobs import LookupJobs
from veilgate.storage.local import LocalObjectStore

FACES = {
    "count": 2,
    "threshold": 0.2,
    "targets": ["face"],
    "faces": [],
    "also_found": [],
    "also_counts": {"dog": 1},
}
BLUR = {"style": "mosaic", "shape": "ellipse", "mask_scale": 1.1, "regions": []}
POLICY = RetryPolicy(max_attempts=2, first_delay_s=0.0)


def report_of(job_id: str, fence: int = 1, stage: str = "find_faces") -> StageReport:
    return StageReport(work_of(job_id, fence=fence), stage, Outcome.produced("x", FACES, model="m"), 5)


def end_of(job_id: str, fence: int = 1, error: VeilgateError | None = None, **other: Outcome) -> PictureEnd:
    outcomes = {
        "find_faces": Outcome.produced("x", FACES, model="m"),
        "find_vehicles": Outcome.produced("x", {"counts": {"car": 3}}),
        "blur_regions": Outcome.produced("x", BLUR),
        "store_copies": Outcome.produced("x", {"processed": "file://x", "thumbnails": {}}),
        "embed_picture": Outcome.skipped("model_missing"),
    }
    return PictureEnd(work_of(job_id, fence=fence), {**outcomes, **other}, {"find_faces": 5}, 40, error)


class Desk:
    """A recorder on a real database and a real store."""

    def __init__(self, shelf: Shelf, folder: Path) -> None:
        self.shelf = shelf
        self.store = LocalObjectStore(folder / "objects")
        self.woken: list[list[str]] = []
        self.submitted: list[DueJob] = []
        self.between: Callable[[Settlement], None] = lambda _settlement: None
        self._settlements: queue.SimpleQueue[Settlement] = queue.SimpleQueue()
        self.recorder = Recorder(
            shelf.database,
            PictureEnds(shelf.database, self.store, LookupJobs(("google_vision",))),
            retry_policy=POLICY,
            settled=self._settle,
            wake=lambda job_ids: self.woken.append(list(job_ids)),
            submitted=self.submitted.append,
        )

    def add(self, *job_ids: str) -> None:
        self.shelf.add(*job_ids)
        for job_id in job_ids:
            self.shelf.claim(job_id)

    def store_files(self, job_id: str, fence: int) -> None:
        self.store.put(f"results/{job_id}/{fence}/processed.jpg", b"x", media_type="image/jpeg")

    def files(self) -> list[str]:
        return sorted(self.store.list("results/"))

    def settled(self) -> Settlement:
        return self._settlements.get(timeout=10)

    def finish(self) -> list[Settlement]:
        """Close, and give the settlements not yet asked for."""
        self.recorder.close()
        return [self._settlements.get() for _ in range(self._settlements.qsize())]

    def _settle(self, settlement: Settlement) -> None:
        self.between(settlement)
        self._settlements.put(settlement)


@pytest.fixture
def desk(shelf: Shelf, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(shelf, tmp_path)
    yield desk
    desk.recorder.close()


def test_a_completion_flips_everything_in_one_go(desk: Desk) -> None:
    desk.add("a")
    desk.recorder.stage_ended([report_of("a")])
    desk.recorder.work_ended(end_of("a"))
    assert desk.finish() == [Settlement("a", 1, Verdict.COMPLETED)]
    job = desk.shelf.job("a")
    assert (job["status"], job["result_key"]) == ("completed", "results/a/1/")
    results: dict[str, Any] = json.loads(job["results"])
    assert (results["blur_metadata"]["count"], results["processing_time"]) == (2, 0.04)
    assert desk.shelf.rows("SELECT current_job_id FROM processed_images") == [{"current_job_id": "a"}]
    assert desk.shelf.rows("SELECT tag, count FROM tags ORDER BY tag") == [
        {"tag": "car", "count": 3},
        {"tag": "dog", "count": 1},
    ]
    with desk.shelf.database.read() as transaction:
        events = [(found.seq, found.stage, found.outcome) for found in transaction.events.after("a", 1)]
        totals = transaction.totals.all()
    assert events == [(2, "find_faces", "produced"), (3, "job", "completed")]
    done = {"completed": 1, "processing_ms": 40, "faces_veiled": 2, "vehicles_found": 3, "copied": 1}
    assert totals == done
    assert ["a"] in desk.woken


def test_what_gathers_while_the_database_is_busy_shares_a_transaction(desk: Desk) -> None:
    job_ids = [f"job-{number:02}" for number in range(20)]
    desk.add(*job_ids)
    commits: list[int] = []
    with desk.shelf.database.write() as busy:
        busy.totals.add(busy=1)
        for job_id in job_ids:
            desk.recorder.stage_ended([report_of(job_id)])
            desk.recorder.work_ended(end_of(job_id))
        event.listen(desk.shelf.engine, "commit", lambda _connection: commits.append(1))
    assert {settlement.verdict for settlement in desk.finish()} == {Verdict.COMPLETED}
    assert len(commits) <= 3, "the holder's own, the first record's, and one for all the rest"


def test_of_two_requests_for_an_image_the_later_is_shown_whichever_ends_last(desk: Desk) -> None:
    desk.add("a", "b")  # "b" was asked for after "a"
    for job_id in ("b", "a"):
        end = end_of(job_id, find_vehicles=Outcome.produced("x", {"counts": {f"car of {job_id}": 1}}))
        end.work.image_id = "a"
        desk.recorder.work_ended(end)
        assert desk.settled().verdict is Verdict.COMPLETED
    shown = "SELECT current_job_id FROM processed_images WHERE id = 'a'"
    assert desk.shelf.rows(shown) == [{"current_job_id": "b"}]
    tags = [row["tag"] for row in desk.shelf.rows("SELECT tag FROM tags WHERE image_id = 'a' ORDER BY tag")]
    assert tags == ["car of b", "dog"]


def test_a_poisoned_record_takes_nobody_along(desk: Desk) -> None:
    desk.add("a", "b", "c")
    with desk.shelf.database.write():  # so that the three meet in one group
        desk.recorder.stage_ended([report_of("a")])
        desk.recorder.work_ended(end_of("a"))
        desk.recorder.work_ended(end_of("b", store_copies=Outcome.produced("x", {})))
        desk.recorder.work_ended(end_of("c"))
    verdicts = {settlement.job_id: settlement.verdict for settlement in desk.finish()}
    assert verdicts == {"a": Verdict.COMPLETED, "b": Verdict.LOST, "c": Verdict.COMPLETED}
    rows = desk.shelf.rows("SELECT id, status FROM jobs ORDER BY id")
    assert [row["status"] for row in rows] == ["completed", "processing", "completed"]
    assert (
        desk.shelf.rows("SELECT job_id FROM stage_events GROUP BY job_id HAVING max(seq) <> count(*)") == []
    )


@pytest.fixture
def refused(desk: Desk) -> list[str]:
    """What the driver has said no to."""
    said: list[str] = []

    @event.listens_for(desk.shelf.engine, "handle_error")
    def note(context: Any) -> None:
        said.append(str(context.original_exception))

    return said


def test_a_record_outlasts_a_full_disk(desk: Desk, refused: list[str]) -> None:
    desk.add("a")
    desk.shelf.fill_disk()
    desk.recorder.work_ended(end_of("a"))
    wait_until(lambda: len(refused) >= 2, timeout_s=10, what="two refusals")
    desk.shelf.free_disk()
    assert desk.settled().verdict is Verdict.COMPLETED
    assert "full" in refused[0]


def test_a_record_outlasts_a_database_that_is_locked(desk: Desk, refused: list[str]) -> None:
    desk.add("a")
    _cut_patience_short(desk)
    # Another process, so to speak: within ours, SQLite's writers wait in line and nobody is refused.
    other = open_engine(desk.shelf.url)
    with other.connect().execution_options(**{WRITES: True}) as connection:
        connection.execute(text("UPDATE jobs SET worker = 'other'"))
        desk.recorder.work_ended(end_of("a"))
        wait_until(lambda: len(refused) >= 2, timeout_s=10, what="two refusals")
    other.dispose()
    assert desk.settled().verdict is Verdict.COMPLETED
    assert any(word in refused[0] for word in ("locked", "Lock wait timeout"))


def _cut_patience_short(desk: Desk) -> None:
    """The driver's, so that ours is what counts."""
    wait = "SET innodb_lock_wait_timeout = 1" if desk.shelf.is_server else "PRAGMA busy_timeout = 10"
    desk.shelf.engine.dispose()

    @event.listens_for(desk.shelf.engine, "connect")
    def cut_short(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(wait)
        cursor.close()


def test_files_of_superseded_claims_go_and_those_of_the_winner_stay(desk: Desk) -> None:
    desk.add("a", "other")
    desk.shelf.expire("a")
    desk.shelf.claim("a")
    for job_id, fence in (("a", 1), ("a", 2), ("other", 1)):
        desk.store_files(job_id, fence)
    desk.recorder.work_ended(end_of("a", fence=2))
    assert [settlement.verdict for settlement in desk.finish()] == [Verdict.COMPLETED]
    assert desk.files() == ["results/a/2/processed.jpg", "results/other/1/processed.jpg"]


def test_a_job_that_failed_for_good_leaves_no_files(desk: Desk) -> None:
    desk.add("a")
    desk.store_files("a", 1)
    desk.recorder.work_ended(end_of("a", error=UndecodablePicture()))
    [settlement] = desk.finish()
    assert (settlement.verdict, desk.files()) == (Verdict.FAILED, [])
    job = desk.shelf.job("a")
    assert (job["status"], job["error_code"], job["attempts"]) == ("failed", "undecodable", 1)


def test_what_may_help_is_tried_again_until_the_attempts_are_spent(desk: Desk) -> None:
    desk.add("a")
    desk.recorder.work_ended(end_of("a", error=StageFailed("no")))
    assert desk.settled().verdict is Verdict.RETRIED
    job = desk.shelf.job("a")
    assert (job["status"], job["attempts"], job["dispatched_at_ms"]) == ("submitted", 1, None)
    desk.shelf.claim("a")
    last = end_of("a", fence=2, error=StageFailed("no"))
    last.work.attempts = 1
    desk.recorder.work_ended(last)
    assert desk.settled().verdict is Verdict.FAILED
    assert desk.shelf.job("a")["attempts"] == 2


@pytest.mark.parametrize(
    ("error", "deliveries"), [(ObjectStoreUnavailable(), 0), (StageFailed("no"), 1)], ids=["away", "failed"]
)
def test_a_start_that_found_something_away_does_not_count(
    desk: Desk, error: VeilgateError, deliveries: int
) -> None:
    desk.add("a")
    desk.recorder.work_ended(end_of("a", error=error))
    assert desk.settled().verdict is Verdict.RETRIED
    job = desk.shelf.job("a")
    assert (job["deliveries"], job["attempts"], job["fence"]) == (deliveries, deliveries, 1)
    assert desk.shelf.claim("a") == 2, "its files are told from those of the first start all the same"
    assert desk.shelf.job("a")["deliveries"] == deliveries + 1


def lose(desk: Desk) -> None:
    """Another worker takes the job over, and completes it, before our end is recorded."""
    desk.add("a")
    desk.shelf.expire("a")
    desk.shelf.claim("a", worker="winner")
    desk.store_files("a", 2)
    with desk.shelf.database.write() as transaction:
        transaction.claims.complete("a", 2, results="{}", result_key="results/a/2/")


@pytest.mark.parametrize("error", [None, StageFailed()], ids=["completed", "failed"])
def test_a_zombie_leaves_no_word_and_no_file_but_the_winners(desk: Desk, error: VeilgateError | None) -> None:
    lose(desk)
    won = desk.shelf.job("a")
    desk.store_files("a", 1)
    desk.recorder.stage_ended([report_of("a")])
    desk.recorder.work_ended(end_of("a", error=error))
    assert [settlement.verdict for settlement in desk.finish()] == [Verdict.LOST]
    assert desk.shelf.job("a") == won
    assert desk.files() == ["results/a/2/processed.jpg"]
    assert len(desk.shelf.rows("SELECT seq FROM stage_events")) == 1


def test_a_completion_whose_commit_was_in_doubt_keeps_its_files(desk: Desk) -> None:
    """The connection broke after the commit: recorded again, it looks lost, but the row points to us."""
    desk.add("a")
    desk.store_files("a", 1)
    with desk.shelf.database.write() as transaction:
        transaction.claims.complete("a", 1, results="{}", result_key="results/a/1/")
    desk.recorder.work_ended(end_of("a"))
    assert [settlement.verdict for settlement in desk.finish()] == [Verdict.LOST]
    assert desk.files() == ["results/a/1/processed.jpg"]


def test_when_the_end_of_a_commit_stays_unknown_the_files_stay(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may carry it out after we have given up."""
    database = desk.shelf.database
    write = database.write

    def without_reply() -> NoReturn:
        raise DatabaseUnavailable

    desk.add("a")
    desk.store_files("a", 1)
    monkeypatch.setattr(recorder_module, "_DATABASE_PATIENCE_S", 0.0)
    monkeypatch.setattr(database, "write", without_reply)
    desk.recorder.work_ended(end_of("a"))
    assert [settlement.verdict for settlement in desk.finish()] == [Verdict.LOST]
    with write() as carried_out_late:
        carried_out_late.claims.complete("a", 1, results="{}", result_key="results/a/1/")
    assert desk.files() == ["results/a/1/processed.jpg"]


def test_tidying_up_after_a_failure_spares_who_came_after(desk: Desk) -> None:
    """Between our commit and our tidying another worker may have claimed the job and stored its files."""
    desk.add("a")
    desk.store_files("a", 1)

    def overtake(_settlement: Settlement) -> None:
        assert desk.shelf.claim("a", worker="winner") == 2
        desk.store_files("a", 2)

    desk.between = overtake
    desk.recorder.work_ended(end_of("a", error=StageFailed()))
    assert [settlement.verdict for settlement in desk.finish()] == [Verdict.RETRIED]
    assert desk.files() == ["results/a/2/processed.jpg"]
