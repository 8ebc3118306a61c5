"""The files that the rows of a database name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from veilgate.domain.pictures import PictureFormat
from veilgate.persistence.engine import open_engine
from veilgate.persistence.inventory import CompletedJob, Inventory, StoredOriginal
from veilgate.persistence.unit_of_work import Database
from veilgate.storage.keys import THUMBNAIL_SIDES_PX, processed_key, thumbnail_key

_PAGE = 500


class NamedFile(NamedTuple):
    """`sha256` where the row says what the file holds."""

    key: str
    sha256: str | None


@contextmanager
def opened(database_file: Path) -> Iterator[Database]:
    """An SQLite database of this version. Raises `ConfigurationError` and `DatabaseUnavailable`."""
    database = Database(open_engine(f"sqlite:///{database_file}"))
    try:
        database.check()
        yield database
    finally:
        database.close()


def files_named_in(database: Database) -> Iterator[NamedFile]:
    for page in pages_of_images(database):
        kept = (image for image in page if image.dropped_at_ms is None)
        yield from (NamedFile(image.original_key, image.sha256) for image in kept)
    for job in _completed(database):
        yield from (NamedFile(key, None) for key in _files_of(job))


def pages_of_images(database: Database) -> Iterator[list[StoredOriginal]]:
    last = ""
    while True:
        with database.read() as transaction:
            page = Inventory(transaction.connection).originals_after(last, limit=_PAGE)
        if not page:
            return
        last = page[-1].image_id
        yield page


def _completed(database: Database) -> Iterator[CompletedJob]:
    place = None
    while True:
        with database.read() as transaction:
            page = Inventory(transaction.connection).completed_after(place, limit=_PAGE)
        if not page:
            return
        place = page[-1].place
        yield from page


def _files_of(job: CompletedJob) -> Iterator[str]:
    prefix = job.result_key or ""
    yield processed_key(prefix, PictureFormat(job.format).served_as.suffix)
    yield from (thumbnail_key(prefix, side_px) for side_px in THUMBNAIL_SIDES_PX)
