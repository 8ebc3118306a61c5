"""What Prometheus is told of ends: each once, when it is committed and not before."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.counted import Counted
from tests.integration.persistence.databases import OWNER, Shelf
from tests.unit.services.test_recorder import FACES, Desk, end_of
from tests.waiting import wait_until
from veilgate.domain.errors import StageFailed, UndecodablePicture
from veilgate.domain.ids import new_id
from veilgate.domain.outcomes import Outcome
from veilgate.services.engines.settlements import Verdict
from veilgate.services.jobs.claims import Claims
from veilgate.services.jobs.job_control import JobControl
from veilgate.telemetry.metrics import JOB_FAILURES

ENDS = "veilgate_job_seconds_count"
FAILURES = "veilgate_job_failures_total"
DISCARDED = "veilgate_results_discarded_total"
HOUR_S = 3600


@pytest.fixture
def desk(sqlite_shelf: Shelf, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(sqlite_shelf, tmp_path)
    yield desk
    desk.recorder.close()


@contextmanager
def no_totals(shelf: Shelf) -> Iterator[None]:
    """Within it, transactions fail at the last thing that the recorder writes."""
    refusal = "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    if shelf.is_server:
        refusal = "FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'full'"
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql(f"CREATE TRIGGER full BEFORE UPDATE ON totals {refusal}")
    yield
    with shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("DROP TRIGGER full")


def test_an_end_that_is_written_down_again_and_again_counts_once(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(shelf, tmp_path)
    tries: list[int] = []
    write = desk.recorder._write

    def note_try(*args: object, **kwargs: object) -> object:
        tries.append(1)
        return write(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.recorder, "_write", note_try)
    desk.add("first", "a")
    desk.recorder.work_ended(end_of("first"))
    desk.settled()
    tries.clear()
    counted = Counted()
    with no_totals(desk.shelf):
        desk.recorder.work_ended(end_of("a"))
        wait_until(lambda: len(tries) > 2, timeout_s=10, what="two tries in vain")
        assert counted(ENDS, kind="veil", status="completed") == 0
    assert desk.settled().verdict is Verdict.COMPLETED
    assert counted(ENDS, kind="veil", status="completed") == 1
    assert counted("veilgate_stage_seconds_count", stage="record") == 1
    assert counted("veilgate_stage_seconds_sum", stage="record") > 0.1, "with the pauses between tries"
    desk.recorder.close()


def test_what_is_found_counts_when_its_job_completes(desk: Desk) -> None:
    face = {"label": "face", "score": 0.75, "box": [0, 0, 1, 1]}
    also = {"label": "dog", "score": 0.35, "box": [0, 0, 1, 1]}
    car = {"label": "car", "score": 0.95, "box": [0, 0, 1, 1]}
    faces = Outcome.produced("x", {**FACES, "faces": [face, face], "also_found": [also]})
    vehicles = Outcome.produced("x", {"counts": {"car": 1}, "vehicles": [car]})
    desk.add("a", "b")
    counted = Counted()
    desk.recorder.work_ended(end_of("a", find_faces=faces, find_vehicles=vehicles))
    desk.recorder.work_ended(end_of("b", error=StageFailed("no"), find_faces=faces, find_vehicles=vehicles))
    desk.finish()
    by_label = [counted("veilgate_detections_total", label=label) for label in ("face", "dog", "car")]
    assert by_label == [2, 1, 1], "the other job finds them again in its next try"
    assert counted("veilgate_detection_confidence_sum", kind="faces") == pytest.approx(1.85)
    assert counted("veilgate_detection_confidence_bucket", kind="vehicles", le="0.9") == 0
    assert counted("veilgate_detection_confidence_count", kind="vehicles") == 1


def test_failures_say_why_and_whether_another_try_follows(desk: Desk) -> None:
    desk.add("a", "b")
    counted = Counted()
    desk.recorder.work_ended(end_of("a", error=StageFailed("no")))
    desk.recorder.work_ended(end_of("b", error=UndecodablePicture()))
    desk.finish()
    assert counted(FAILURES, kind="veil", code="stage_failed", retried="true") == 1
    assert counted(FAILURES, kind="veil", code="undecodable", retried="false") == 1
    assert counted(ENDS, kind="veil", status="failed") == 1, "the other has not ended"


@pytest.mark.usefixtures("desk")
def test_what_tries_mostly_fail_with_is_shown_before_they_do() -> None:
    """Where another try never follows, that is not shown either."""
    [failures] = JOB_FAILURES.collect()
    shown = {(sample.labels["code"], sample.labels["retried"]) for sample in failures.samples}
    assert {("stage_failed", "true"), ("stage_failed", "false"), ("undecodable", "false")} <= shown
    assert ("undecodable", "true") not in shown


def test_a_result_that_is_another_s_by_now_is_discarded(desk: Desk) -> None:
    desk.add("a")
    desk.shelf.expire("a")
    assert desk.shelf.claim("a", worker="winner") == 2
    counted = Counted()
    desk.recorder.work_ended(end_of("a"))
    desk.finish()
    assert counted(DISCARDED, kind="veil") == 1
    assert counted(ENDS, kind="veil", status="completed") == 0
    assert counted("veilgate_detections_total", label="face") == 0


def test_a_job_took_as_long_as_its_owner_waited(desk: Desk) -> None:
    """From acceptance, by the database's clock, whatever was tried and paused in between."""
    desk.add("a")
    end = end_of("a")
    end.work.since_asked_ms = HOUR_S * 1000
    counted = Counted()
    desk.recorder.work_ended(end)
    desk.finish()
    took_s = counted("veilgate_job_seconds_sum", kind="veil", status="completed")
    assert HOUR_S < took_s < HOUR_S + 60


def test_a_claim_says_since_when_it_was_due_and_asked_for(shelf: Shelf) -> None:
    """Who wishes for another try by hand begins to wait then; whom a worker puts back waits on."""
    job_id = new_id()
    shelf.add(job_id)
    shelf.change(job_id, created_at_ms=1000, not_before_ms=2000)
    claims = Claims(shelf.database, worker="w", lease_s=60)
    counted = Counted()
    [first] = claims.claim([job_id], alone=False)
    assert (first.not_before_ms, first.asked_at_ms) == (2000, 1000)
    waited_s = (first.started_at_ms - 2000) / 1000
    assert counted("veilgate_stage_seconds_sum", stage="queue") == pytest.approx(waited_s)
    with shelf.database.write() as transaction:
        transaction.claims.put_back(job_id, 1, attempts=1, delay_ms=0, suspect=False, error=None)
    [second] = claims.claim([job_id], alone=False)
    assert (second.fence, second.asked_at_ms) == (2, 1000)
    control = JobControl(shelf.database)
    control.cancel(job_id, OWNER)
    control.retry(job_id, OWNER)
    [third] = claims.claim([job_id], alone=False)
    assert second.started_at_ms <= third.asked_at_ms <= third.started_at_ms
    assert claims.claim([job_id], alone=False) == []
    assert counted("veilgate_stage_seconds_count", stage="queue") == 3, "who gets nothing has not waited"
