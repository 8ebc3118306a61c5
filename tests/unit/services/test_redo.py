"""Asking for an image once more: the newest request is the one that is shown, by its id."""

from concurrent.futures import ThreadPoolExecutor

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.ids import made_at_ms, new_id, uuid7
from veilgate.domain.options import UploadOptions
from veilgate.services.jobs.redo import Redo

_HOUR_MS = 3_600_000


def redo(shelf: Shelf, image_id: str) -> str:
    return Redo(shelf.database).redo(image_id, OWNER, UploadOptions(), correlation_id=None).job_id


def test_its_id_is_the_newest_of_the_image_though_this_clock_is_behind(shelf: Shelf) -> None:
    image_id = uuid7(unix_ms=made_at_ms(new_id()) + _HOUR_MS, random=1)
    shelf.add(image_id)
    first = redo(shelf, image_id)
    second = redo(shelf, image_id)
    assert image_id < first < second
    with shelf.database.write() as transaction:
        for job_id in (image_id, first, second):
            assert transaction.images.point_to(image_id, job_id), "each is shown in its turn"


def test_of_many_at_once_no_two_are_of_one_moment(shelf: Shelf) -> None:
    image_id = uuid7(unix_ms=made_at_ms(new_id()) + _HOUR_MS, random=1)
    shelf.add(image_id)
    with ThreadPoolExecutor(8) as threads:
        job_ids = list(threads.map(lambda _: redo(shelf, image_id), range(24)))
    first_ms = made_at_ms(image_id)
    assert sorted(made_at_ms(job_id) - first_ms for job_id in job_ids) == list(range(1, 25))


def test_none_of_its_jobs_stands_for_an_upload_any_more(shelf: Shelf) -> None:
    image_id, other = new_id(), new_id()
    shelf.add(image_id, other)
    for job_id in (image_id, other):
        shelf.change(job_id, dedup_key=job_id)
    job_id = redo(shelf, image_id)
    keys = {row["id"]: row["dedup_key"] for row in shelf.rows("SELECT id, dedup_key FROM jobs")}
    assert keys == {image_id: None, job_id: None, other: other}
