"""A suspicion is looked at again: what was listed, begun or ended since the first look is not missing."""

from collections.abc import Callable, Sequence

import pytest

from tests.integration.persistence.databases import Shelf
from veilgate.persistence.records import DueJob
from veilgate.services.jobs.missing_jobs import MissingJobs


class ListsThatMove:
    """Lists that hold nothing at the first look; `between` happens before the second, which finds `later`."""

    def __init__(self, between: Callable[[], None], later: set[str]) -> None:
        self._between = between
        self._later = later
        self._looks = 0
        self.put_there: list[str] = []

    def listed(self) -> set[str]:
        self._looks += 1
        if self._looks == 1:
            return set()
        self._between()
        return self._later

    def put(self, jobs: Sequence[DueJob]) -> list[str]:
        self.put_there += [job.id for job in jobs]
        return [job.id for job in jobs]


def nothing() -> None:
    """Happens."""


def missing(shelf: Shelf, lists: ListsThatMove, *, untouched_ms: int = 1000) -> list[str]:
    found = MissingJobs(shelf.database, lists).find(untouched_ms=untouched_ms)  # type: ignore[arg-type]
    return [job.id for page in found for job in page]


@pytest.fixture
def old_shelf(shelf: Shelf) -> Shelf:
    """Two jobs that have waited for long."""
    shelf.add("job-1", "job-2")
    for job_id in ("job-1", "job-2"):
        shelf.change(job_id, not_before_ms=1, updated_at_ms=1, dispatched_at_ms=1)
    return shelf


def test_what_is_on_no_list_is_missing(old_shelf: Shelf) -> None:
    assert missing(old_shelf, ListsThatMove(nothing, later=set())) == ["job-1", "job-2"]


def test_what_was_listed_since_the_first_look_is_not(old_shelf: Shelf) -> None:
    assert missing(old_shelf, ListsThatMove(nothing, later={"job-1"})) == ["job-2"]


@pytest.mark.parametrize("change", ["claim", "cancel", "touch", "dispatch"])
def test_what_went_on_since_the_first_look_is_not(old_shelf: Shelf, change: str) -> None:
    def go_on() -> None:
        if change == "claim":
            assert old_shelf.claim("job-1")
            return
        with old_shelf.database.write() as transaction:
            if change == "cancel":
                assert transaction.jobs.cancel("job-1")
            elif change == "dispatch":
                transaction.jobs.mark_dispatched(["job-1"])
        if change == "touch":
            with old_shelf.database.read() as transaction:
                now_ms = transaction.now_ms()
            old_shelf.change("job-1", updated_at_ms=now_ms)

    assert missing(old_shelf, ListsThatMove(go_on, later=set())) == ["job-2"]


def test_young_ones_and_those_that_are_not_due_are_left_alone(shelf: Shelf) -> None:
    shelf.add("young", "backs-off")
    shelf.change("backs-off", not_before_ms=2**50, updated_at_ms=1)
    lists = ListsThatMove(nothing, later=set())
    assert missing(shelf, lists) == []
    assert MissingJobs(shelf.database, lists).put_all() == 1  # type: ignore[arg-type]
    assert lists.put_there == ["young"]
    assert shelf.job("young")["dispatched_at_ms"]
    assert shelf.job("backs-off")["dispatched_at_ms"] is None


def test_more_than_a_page_is_found(shelf: Shelf) -> None:
    job_ids = [f"job-{number:04}" for number in range(1100)]
    shelf.add(*job_ids)
    assert sorted(missing(shelf, ListsThatMove(nothing, later=set()), untouched_ms=0)) == job_ids
