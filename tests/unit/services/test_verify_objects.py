"""What `verify` makes of the object store: what it may delete, and what it must never."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.ids import uuid7
from veilgate.domain.options import UploadOptions
from veilgate.services.jobs.missing_jobs import MissingJobs
from veilgate.services.jobs.redo import Redo
from veilgate.services.verification.verification import Check, Verdict, Verification
from veilgate.services.verification.verify_leftovers import OrphanResults
from veilgate.services.verification.verify_originals import LostOriginals, OrphanOriginals
from veilgate.services.verification.verify_results import LostResults
from veilgate.storage.local import LocalObjectStore

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = int(time.time() * 1000)
FILES = ("processed.jpg", "thumbnail-1024.jpg", "thumbnail-320.jpg")


class ListsThatTakeAll:
    """Whatever is put there is listed."""

    def put(self, jobs):  # type: ignore[no-untyped-def]
        return [job.id for job in jobs]


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def job_made(age_ms: int, number: int = 0) -> str:
    return uuid7(unix_ms=NOW_MS - age_ms, random=number)


def original_made(age_ms: int, *, day_age_ms: int) -> str:
    day = datetime.fromtimestamp((NOW_MS - day_age_ms) / 1000, UTC)
    return f"original/{day:%Y/%m/%d}/{job_made(age_ms)}"


def put(store: LocalObjectStore, *keys: str) -> None:
    for key in keys:
        store.put(key, b"x", media_type="image/jpeg")


def put_results(store: LocalObjectStore, *job_ids: str, fence: int = 1) -> None:
    put(store, *(f"results/{job_id}/{fence}/{name}" for job_id in job_ids for name in FILES))


def complete(shelf: Shelf, store: LocalObjectStore, *job_ids: str) -> None:
    """Jobs that completed long ago, with original and results."""
    shelf.add(*job_ids)
    for job_id in job_ids:
        state = {"status": "completed", "fence": 1, "updated_at_ms": 1, "result_key": f"results/{job_id}/1/"}
        shelf.change(job_id, **state, dedup_key=job_id)
        with shelf.database.write() as transaction:
            transaction.images.point_to(job_id, job_id)
        put(store, f"original/2026/01/01/{job_id}")
    put_results(store, *job_ids)


def run(check: Check, *, repair: bool = True) -> list[Verdict]:
    verdicts: list[Verdict] = []
    Verification([check], repair=repair).run(tell=verdicts.append, progress=lambda _what, _number: None)
    return verdicts


def names(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    return [(one.finding.name, one.finding.subject) for one in verdicts]


def leftovers(shelf: Shelf, store: LocalObjectStore) -> OrphanResults:
    return OrphanResults(shelf.database, store, patience_ms=1000)


def lost_results(shelf: Shelf, store: LocalObjectStore) -> LostResults:
    missing_jobs = MissingJobs(shelf.database, ListsThatTakeAll())  # type: ignore[arg-type]
    return LostResults(shelf.database, store, missing_jobs)


def test_an_upload_in_flight_is_none_of_ours_whatever_its_gateways_clock_says(
    shelf: Shelf, store: LocalObjectStore
) -> None:
    complete(shelf, store, job_made(10 * DAY_MS))
    put(store, original_made(2 * HOUR_MS, day_age_ms=0), original_made(30 * HOUR_MS, day_age_ms=DAY_MS))
    everything = sorted(store.list(""))
    assert run(OrphanOriginals(shelf.database, store)) == []
    assert sorted(store.list("")) == everything


def test_an_original_without_an_image_is_reported_and_never_deleted(
    shelf: Shelf, store: LocalObjectStore
) -> None:
    complete(shelf, store, job_made(10 * DAY_MS))
    orphan = original_made(3 * DAY_MS, day_age_ms=3 * DAY_MS)
    put(store, orphan)
    [verdict] = run(OrphanOriginals(shelf.database, store))
    assert (verdict.finding.name, verdict.finding.subject) == ("original_orphan", orphan)
    assert "housekeeping removes it" in verdict.not_repaired
    assert store.get(orphan) == b"x"


def test_a_row_written_between_two_looks_saves_an_original(shelf: Shelf, store: LocalObjectStore) -> None:
    image_id = job_made(DAY_MS)
    put(store, f"original/2026/01/01/{image_id}")

    class Late(OrphanOriginals):
        def _orphans(self, originals):  # type: ignore[no-untyped-def]
            found = super()._orphans(originals)
            if not shelf.rows("SELECT id FROM jobs"):
                shelf.add(image_id)
            return found

    assert run(Late(shelf.database, store)) == []


@pytest.mark.parametrize(
    "key",
    [
        "original/nobody",
        "original/2026/01/01/holiday.jpg",
        f"original/2026/02/31/{job_made(0)}",
        f"original/2026/1/1/{job_made(0)}",
        f"original/2026/01/01/{job_made(0)}/more",
        f"results/{job_made(9 * DAY_MS)}",
        f"results/{job_made(9 * DAY_MS)}/first/processed.jpg",
        f"results/{job_made(9 * DAY_MS)}/01/processed.jpg",
        f"results/{job_made(9 * DAY_MS)}/1/notes.txt",
        "results/nobody/1/processed.jpg",
    ],
)
def test_a_key_that_is_none_of_ours_is_named_and_left(
    sqlite_shelf: Shelf, store: LocalObjectStore, key: str
) -> None:
    complete(sqlite_shelf, store, job_made(8 * DAY_MS))
    put(store, key)
    checks = (OrphanOriginals(sqlite_shelf.database, store), leftovers(sqlite_shelf, store))
    [verdict] = [verdict for check in checks for verdict in run(check)]
    assert names([verdict]) == [("object_unknown", key)]
    assert verdict.not_repaired
    assert store.get(key) == b"x"


def test_the_empty_folders_of_a_console_are_named_and_left(
    sqlite_shelf: Shelf, store: LocalObjectStore
) -> None:
    class Console(LocalObjectStore):
        def list(self, prefix: str):  # type: ignore[no-untyped-def]
            yield prefix
            yield from super().list(prefix)

    console = Console(store._root)
    assert names(run(OrphanOriginals(sqlite_shelf.database, console))) == [("object_unknown", "original/")]
    assert names(run(leftovers(sqlite_shelf, console))) == [("object_unknown", "results/")]


def test_old_results_of_an_unknown_job_go_and_nothing_else(shelf: Shelf, store: LocalObjectStore) -> None:
    known, unknown = job_made(5 * DAY_MS), job_made(6 * DAY_MS)
    complete(shelf, store, known)
    put_results(store, known, fence=7)
    put_results(store, unknown)
    assert set(names(run(leftovers(shelf, store), repair=False))) == {
        ("result_orphan", f"results/{known}/"),
        ("result_orphan", f"results/{unknown}/"),
    }
    assert all(verdict.repaired for verdict in run(leftovers(shelf, store)))
    assert sorted(store.list("results/")) == [f"results/{known}/1/{name}" for name in FILES]
    assert run(leftovers(shelf, store)) == []


@pytest.mark.parametrize(("age_of_unknown_ms", "why"), [(5 * DAY_MS, "backup"), (DAY_MS, "two days")])
def test_results_that_a_restored_database_may_merely_have_forgotten_stay(
    shelf: Shelf, store: LocalObjectStore, age_of_unknown_ms: int, why: str
) -> None:
    newest = 6 * DAY_MS if why == "backup" else 0
    complete(shelf, store, job_made(7 * DAY_MS), job_made(newest))
    unknown = job_made(age_of_unknown_ms, number=1)
    put_results(store, unknown)
    [verdict] = run(leftovers(shelf, store))
    assert names([verdict]) == [("result_orphan", f"results/{unknown}/")]
    assert why in verdict.not_repaired
    assert len(list(store.list(f"results/{unknown}/"))) == len(FILES)


@pytest.mark.parametrize(
    ("known", "unknown", "goes"), [(18, 2, True), (18, 3, False), (2, 3, False), (0, 1, False)]
)
def test_the_bucket_of_another_database_is_left_alone(
    sqlite_shelf: Shelf, store: LocalObjectStore, known: int, unknown: int, goes: bool
) -> None:
    sqlite_shelf.add(job_made(0))
    ours = [job_made(9 * DAY_MS, number) for number in range(known)]
    theirs = [job_made(9 * DAY_MS, 100 + number) for number in range(unknown)]
    complete(sqlite_shelf, store, *ours)
    put_results(store, *theirs)
    superseded = [f"results/{job_id}/7/processed.jpg" for job_id in ours[:1]]
    put(store, *superseded)
    verdicts = run(leftovers(sqlite_shelf, store))
    kept = [one for one in verdicts if "DATABASE_URL" in one.not_repaired]
    assert len(kept) == (0 if goes else unknown)
    assert len(verdicts) - len(kept) == len(superseded) + (unknown if goes else 0)
    assert len(list(store.list("results/"))) == len(FILES) * (known if goes else known + unknown)


def test_who_sends_a_lost_picture_again_is_not_answered_with_what_is_lost(
    shelf: Shelf, store: LocalObjectStore
) -> None:
    no_original, short, other_bytes, no_result = (job_made(9 * DAY_MS, number) for number in range(4))
    complete(shelf, store, no_original, short, other_bytes, no_result)
    store.delete([f"original/2026/01/01/{no_original}", f"original/2026/01/01/{no_result}"])
    store.delete([f"results/{no_result}/1/processed.jpg"])
    store.put(f"original/2026/01/01/{short}", b"short", media_type="image/jpeg")
    checks = (LostOriginals(shelf.database, store, deep=True), lost_results(shelf, store))

    before = [verdict for check in checks for verdict in run(check, repair=False)]
    assert len(shelf.rows("SELECT id FROM jobs WHERE dedup_key IS NOT NULL")) == 4, "looking changes nothing"
    after = [verdict for check in checks for verdict in run(check)]
    assert names(after) == names(before)
    assert {name for name, _ in names(after)} == {
        "original_missing",
        "original_size",
        "original_sha256",
        "result_missing",
    }
    assert all(verdict.not_repaired for verdict in after), "there is nothing to do them again from"
    assert shelf.rows("SELECT id FROM jobs WHERE dedup_key IS NOT NULL") == []
    assert any("sending the picture again" in verdict.finding.text for verdict in after)


def test_a_lost_result_that_still_answers_uploads_is_found_beside_its_stand_in(
    shelf: Shelf, store: LocalObjectStore
) -> None:
    lost = job_made(9 * DAY_MS)
    complete(shelf, store, lost)
    store.delete([f"results/{lost}/1/processed.jpg"])
    stand_in = Redo(shelf.database).redo(lost, OWNER, UploadOptions(), correlation_id=None).job_id
    shelf.change(lost, dedup_key=lost)  # as versions that did not release it have left it
    [verdict] = run(lost_results(shelf, store))
    assert names([verdict]) == [("result_missing", f"job {lost}")]
    assert stand_in in verdict.repaired
    assert shelf.job(lost)["dedup_key"] is None
    assert run(lost_results(shelf, store)) == []
    assert len(shelf.rows("SELECT id FROM jobs")) == 2


def test_a_redo_by_an_operator_whose_clock_is_behind_is_newer_all_the_same(
    shelf: Shelf, store: LocalObjectStore
) -> None:
    lost = job_made(-HOUR_MS)
    complete(shelf, store, lost)
    store.delete([f"results/{lost}/1/processed.jpg"])
    [verdict] = run(lost_results(shelf, store))
    assert verdict.repaired
    assert run(lost_results(shelf, store)) == [], "or each run would do it once more"
    [redo] = [row["id"] for row in shelf.rows("SELECT id FROM jobs WHERE id <> :id", id=lost)]
    assert redo > lost
