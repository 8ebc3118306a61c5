"""Watched jobs: all of them in one look, and those that are far behind page by page."""

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.errors import JobNotFound
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.records import NewEvent
from veilgate.services.jobs.job_events import PAGE, EventPage, JobEvents

# As one gateway may watch.
MANY = 120


def tell(shelf: Shelf, job_id: str, count: int) -> None:
    with shelf.database.write() as transaction:
        for number in range(count):
            transaction.events.append(job_id, NewEvent(f"stage-{number}", "produced", "{}"))


def numbers(page: EventPage) -> list[int]:
    return [event.seq for event in page.events]


def test_one_look_tells_of_many_jobs_what_each_has_not_heard(shelf: Shelf) -> None:
    job_ids = [f"job-{number}" for number in range(MANY)]
    shelf.add(*job_ids)
    for job_id in job_ids[1:]:
        tell(shelf, job_id, 3)
    shelf.change(job_ids[-1], status="failed")
    known: dict[str, int | None] = {job_id: 1 + number % 4 for number, job_id in enumerate(job_ids)}
    known |= {job_ids[2]: None, "erased": 7}
    news = JobEvents(shelf.database).news(known)
    assert set(news) == set(job_ids)
    assert numbers(news[job_ids[0]]) == []
    assert (news[job_ids[2]].standing.event_seq, numbers(news[job_ids[2]])) == (4, [])
    for job_id in (*job_ids[1:2], *job_ids[3:]):
        assert numbers(news[job_id]) == list(range((known[job_id] or 0) + 1, 5)), job_id
    assert news[job_ids[1]].events[-1].stage == "stage-2"
    assert news[job_ids[-1]].standing.status is JobStatus.FAILED


def test_who_is_further_behind_than_a_page_is_told_only_where_the_job_stands(shelf: Shelf) -> None:
    shelf.add("a", "b")
    tell(shelf, "a", PAGE + 1)
    tell(shelf, "b", PAGE)
    news = JobEvents(shelf.database).news({"a": 1, "b": 1})
    assert (numbers(news["a"]), news["a"].standing.event_seq) == ([], PAGE + 2)
    assert numbers(news["b"]) == list(range(2, PAGE + 2))


def test_pages_follow_each_other_to_the_end(shelf: Shelf) -> None:
    job_id, events = new_id(), JobEvents(shelf.database)
    shelf.add(job_id)
    tell(shelf, job_id, 2 * PAGE)
    shelf.change(job_id, status="completed")
    pages = [events.page(job_id, OWNER, 0)]
    while not pages[-1].is_last:
        pages.append(events.page(job_id, OWNER, pages[-1].last_seq))
    assert [len(page.events) for page in pages] == [PAGE, PAGE, 1]
    assert [seq for page in pages for seq in numbers(page)] == list(range(1, 2 * PAGE + 2))
    assert numbers(events.page(job_id, OWNER, 2 * PAGE + 2)) == list(range(1, PAGE + 1)), "a number of nobody"
    with pytest.raises(JobNotFound):
        events.page(job_id, "somebody-else", 0)
