"""The reply to a commit is lost: what was written is found there, told as it ended, and counts once."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.counted import Counted
from tests.integration.persistence.databases import Shelf
from tests.unit.services import test_lookup_ends as lookups
from tests.unit.services.test_recorder import Desk, end_of, report_of
from veilgate.domain.errors import DatabaseUnavailable, StageFailed, UndecodablePicture, VeilgateError
from veilgate.domain.lookups import Bill
from veilgate.domain.outcomes import Outcome
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.engines.engine_reports import StageReport
from veilgate.services.engines.settlements import Verdict

PAID = Outcome.produced("x", {"cost": Bill(1, 0, 5_000).as_dict()})


def lose_next_reply(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    write = database.write

    @contextmanager
    def without_reply() -> Iterator[Transaction]:
        monkeypatch.setattr(database, "write", write)
        with write() as transaction:
            yield transaction
        raise DatabaseUnavailable

    monkeypatch.setattr(database, "write", without_reply)


@pytest.fixture
def desk(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(shelf, tmp_path_factory.mktemp("store"))
    yield desk
    desk.recorder.close()


@pytest.mark.parametrize(
    ("error", "verdict", "failures"),
    [
        (None, Verdict.COMPLETED, 0),
        (UndecodablePicture(), Verdict.FAILED, 1),
        (StageFailed("no"), Verdict.RETRIED, 1),
    ],
)
def test_an_end_is_told_as_it_was_written(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    error: VeilgateError | None,
    verdict: Verdict,
    failures: int,
) -> None:
    desk.add("a")
    desk.store_files("a", 1)
    counted = Counted()
    lose_next_reply(desk.shelf.database, monkeypatch)
    desk.recorder.work_ended(end_of("a", error=error))
    settled = desk.settled()
    assert (settled.verdict, settled.error) == (verdict, error)
    desk.recorder.close()
    assert counted("veilgate_results_discarded_total", kind="veil") == 0
    ended = sum(
        counted("veilgate_job_seconds_count", kind="veil", status=one) for one in ("completed", "failed")
    )
    assert ended == (0 if verdict is Verdict.RETRIED else 1)
    if error:
        code, again = error.code, str(verdict is Verdict.RETRIED).lower()
        assert counted("veilgate_job_failures_total", kind="veil", code=code, retried=again) == failures
    assert desk.files() == (["results/a/1/processed.jpg"] if error is None else [])
    with desk.shelf.database.read() as transaction:
        totals = transaction.totals.all()
    assert sum(totals.get(name, 0) for name in ("completed", "failed", "retries")) == 1
    assert desk.shelf.rows("SELECT count(*) AS n FROM stage_events WHERE seq > 1") == [{"n": 1}]


def test_what_another_has_by_now_is_still_discarded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when another error under the same fence stands in the row: that of who took it away."""
    desk.add("a")
    desk.shelf.change("a", status="failed", error_code="crashed_repeatedly")
    lose_next_reply(desk.shelf.database, monkeypatch)
    desk.recorder.work_ended(end_of("a", error=UndecodablePicture()))
    assert desk.settled().verdict is Verdict.LOST


def test_stages_are_written_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.add("a")
    lose_next_reply(desk.shelf.database, monkeypatch)
    desk.recorder.stage_ended([report_of("a")])
    desk.recorder.close()
    assert desk.shelf.rows("SELECT stage FROM stage_events WHERE seq > 1") == [{"stage": "find_faces"}]


def test_the_money_of_a_claim_that_was_lost_is_spent_once(
    sqlite_shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its stage leaves no event; that of another lookup in the same transaction tells."""
    desk = lookups.Desk(sqlite_shelf)
    gone, ours = desk.begin(), desk.begin()
    sqlite_shelf.expire(gone.job_id)
    sqlite_shelf.claim(gone.job_id, worker="winner")
    recorder = desk.recorder()
    group = [StageReport(work, "google_vision", PAID, 7) for work in (gone, ours)]
    lose_next_reply(sqlite_shelf.database, monkeypatch)
    recorder._write_patiently([*group])
    recorder.close()
    [row] = sqlite_shelf.rows("SELECT sum(cost_micros) AS micros FROM lookup_spending")
    assert row["micros"] == 10_000
