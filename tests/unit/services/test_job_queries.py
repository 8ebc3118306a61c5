"""The status document is put together without being read: it must come out as JSON whatever the row holds."""

import json

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.errors import JobNotFound
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobStatus
from veilgate.domain.options import UploadOptions
from veilgate.persistence.status_rows import StatusRow
from veilgate.services.images.image_links import ImageLinks, version_of
from veilgate.services.jobs.job_queries import JobQueries, StatusAnswer, _answer

RESULTS = '{"faces": [{"box": [1, 2, 3, 4]}], "name": "\\u00e9\\" }"}'

LINKS = ImageLinks("https://cdn.example/")
VERSION = version_of("results/j/1/")
FOUND_AT = {
    "processed_url": f"https://cdn.example/images/i/processed?v={VERSION}",
    "thumbnail_urls": {
        size: f"https://cdn.example/images/i/thumbnail?size={size}&v={VERSION}" for size in ("320", "1024")
    },
}


def a_row(**columns: object) -> StatusRow:
    values: dict[str, object] = {
        "job_id": "j",
        "image_id": "i",
        "kind": "veil",
        "status": "completed",
        "filename": "a.jpg",
        "file_size": 12,
        "created_at_ms": 1_999,
        "updated_at_ms": 2_000,
        "attempts": 0,
        "options": UploadOptions().as_json(),
        "results": RESULTS,
        "error_code": None,
        "error_message": None,
        "near_duplicate_of": None,
        "near_duplicate_score": None,
        "result_key": "results/j/1/",
        "lookup_job_id": "l",
    }
    return StatusRow(**{**values, **columns})  # type: ignore[arg-type]


def test_all_that_the_row_says_is_in_the_document() -> None:
    answer = _answer(a_row(), LINKS)
    assert answer.status is JobStatus.COMPLETED
    assert json.loads(answer.document) == {
        "job_id": "j",
        "image_id": "i",
        "kind": "veil",
        "status": "completed",
        "filename": "a.jpg",
        "file_size": 12,
        "created_at": 1,
        "updated_at": 2,
        "attempts": 0,
        "options": json.loads(UploadOptions().as_json()),
        "lookup_job_id": "l",
        "results": {**json.loads(RESULTS), **FOUND_AT, "near_duplicate_of": None},
        "error": None,
    }


def test_the_results_of_a_lookup_are_told_as_they_are() -> None:
    document = json.loads(
        _answer(a_row(kind="lookup", result_key=None, results='{"cost": 1}'), LINKS).document
    )
    assert (document["kind"], document["results"]) == ("lookup", {"cost": 1})


@pytest.mark.parametrize("name", ['a".jpg', "a\\.jpg", "ünï\u2028.jpg", "\x00\x1f\n", "}}", "\ud800", "{0}"])
def test_no_file_name_breaks_out(name: str) -> None:
    document = json.loads(_answer(a_row(filename=name), LINKS).document)
    assert document["filename"] == name
    assert document["results"] == {**json.loads(RESULTS), **FOUND_AT, "near_duplicate_of": None}


@pytest.mark.parametrize("stored", [RESULTS, "{}"])
def test_what_the_index_found_is_among_the_results(stored: str) -> None:
    row = a_row(results=stored, near_duplicate_of="earlier", near_duplicate_score=0.97654321)
    near = {"image_id": "earlier", "score": 0.976543}
    found = json.loads(_answer(row, LINKS).document)["results"]
    assert found == {**json.loads(stored), **FOUND_AT, "near_duplicate_of": near}


def test_an_error_is_told_and_nothing_of_an_earlier_result() -> None:
    row = a_row(status="failed", error_code="c", error_message='it "broke"\n')
    document = json.loads(_answer(row, LINKS).document)
    assert document["results"] is None
    assert document["error"] == {"code": "c", "message": 'it "broke"\n'}


def read(queries: JobQueries, job_id: str) -> list[StatusAnswer | None]:
    return [queries.status_at_once(job_id, OWNER), queries.status(job_id, OWNER)]


def test_at_once_or_in_a_thread_the_answer_is_the_same(shelf: Shelf) -> None:
    job_id = new_id()
    shelf.add(job_id)
    at_once, usual = read(JobQueries(shelf.database), job_id)
    assert usual
    assert usual.status is JobStatus.SUBMITTED
    assert at_once == (None if shelf.is_server else usual)


@pytest.mark.parametrize("job_id", ["", "x", "..", "A" * 36, "00000000-0000-7000-8000-000000000000"])
def test_what_is_not_there_is_not_found(shelf: Shelf, job_id: str) -> None:
    queries = JobQueries(shelf.database)
    assert queries.status_at_once(job_id, OWNER) is None
    with pytest.raises(JobNotFound):
        queries.status(job_id, OWNER)
