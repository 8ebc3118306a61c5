"""Looking through one's images, and saying what is on them."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from veilgate.domain.cursors import cursor_to, place_in
from veilgate.domain.errors import ImageNotFound
from veilgate.domain.ids import is_id
from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.domain.rejections import InvalidCursor
from veilgate.domain.search import ImageFilters
from veilgate.persistence.browse_repository import BrowseRepository, ImageJob, ImageTag, ListedImage
from veilgate.persistence.filtered_ids import newest_ids
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.images.image_links import ImageLinks

_SCORE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class BrowseWanted:
    """Which images are asked for: the newest that pass, from where a `cursor` leads."""

    filters: ImageFilters = field(default_factory=ImageFilters)
    near_duplicates: bool = True
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class _Whole:
    """An image with its jobs, the newest last, and its tags."""

    image: ListedImage
    jobs: Sequence[ImageJob]
    tags: Sequence[ImageTag]

    @property
    def shown(self) -> ImageJob | None:
        """The job whose result is shown."""
        return next((job for job in self.jobs if job.id == self.image.current_job_id), None)

    def of_kind(self, kind: JobKind) -> list[ImageJob]:
        return [job for job in self.jobs if job.kind == kind]


class Browse:
    def __init__(self, database: Database, links: ImageLinks) -> None:
        self._database = database
        self._links = links

    def page(self, owner_id: str, wanted: BrowseWanted) -> dict[str, Any]:
        """The answer of `GET /images`. Raises `InvalidCursor`."""
        pages_of = f"images\n{wanted.filters}\n{wanted.near_duplicates}"
        below = _image_in(wanted.cursor, of=pages_of)
        with self._database.read() as transaction:
            found = newest_ids(
                transaction.connection,
                wanted.filters,
                owner_id=owner_id,
                limit=wanted.limit + 1,
                below=below,
                near_duplicates=wanted.near_duplicates,
            )
            shown = found[: wanted.limit]
            images = self.described(transaction, shown, owner_id)
        following = cursor_to([shown[-1]], of=pages_of) if len(found) > len(shown) else None
        return {"images": [images[image_id] for image_id in shown if image_id in images], "next": following}

    def image(self, image_id: str, owner_id: str) -> dict[str, Any]:
        """The answer of `GET /images/{image_id}`. Raises `ImageNotFound`."""
        if not is_id(image_id):
            raise ImageNotFound
        with self._database.read() as transaction:
            whole = _read(transaction, [image_id], owner_id).get(image_id)
            if whole is None:
                raise ImageNotFound
            found = transaction.lookups.shown_results(image_id)
        return {**self._described(whole), **_more_of(whole), "lookup": json.loads(found) if found else None}

    def described(
        self, transaction: Transaction, image_ids: Sequence[str], owner_id: str
    ) -> dict[str, dict[str, Any]]:
        """By id, what lists say of these images, as far as they are there and this owner's."""
        return {
            image_id: self._described(whole)
            for image_id, whole in _read(transaction, image_ids, owner_id).items()
        }

    def _described(self, whole: _Whole) -> dict[str, Any]:
        image, shown = whole.image, whole.shown
        veil_jobs = whole.of_kind(JobKind.VEIL)
        has_original = image.original_dropped_at_ms is None
        links = self._links.of(image.id, shown.result_key if shown else None, has_original=has_original)
        near = None
        if image.near_duplicate_of and image.near_duplicate_score is not None:
            score = round(image.near_duplicate_score, _SCORE_DIGITS)
            near = {"image_id": image.near_duplicate_of, "score": score}
        return {
            "image_id": image.id,
            "filename": image.filename,
            "file_size": image.file_size,
            "format": image.format,
            "width": image.width,
            "height": image.height,
            "created_at": image.created_at_ms // 1000,
            "status": veil_jobs[-1].status if veil_jobs else JobStatus.FAILED,
            "tags": [{"tag": one.tag, "source": one.source, "count": one.count} for one in whole.tags],
            "description": image.description,
            "near_duplicate_of": near,
            **links,
        }


def _read(transaction: Transaction, image_ids: Sequence[str], owner_id: str) -> dict[str, _Whole]:
    repository = BrowseRepository(transaction.connection, owner_id)
    images = repository.images(image_ids) if image_ids else {}
    if not images:
        return {}
    jobs: dict[str, list[ImageJob]] = defaultdict(list)
    for job in repository.jobs([*images]):
        jobs[job.image_id].append(job)
    tags: dict[str, list[ImageTag]] = defaultdict(list)
    for tag in repository.tags([*images]):
        tags[tag.image_id].append(tag)
    return {image_id: _Whole(image, jobs[image_id], tags[image_id]) for image_id, image in images.items()}


def _more_of(whole: _Whole) -> dict[str, Any]:
    """What only the answer about one image says."""
    image = whole.image
    dropped_at_ms = image.original_dropped_at_ms
    lookups = whole.of_kind(JobKind.LOOKUP)
    return {
        "sha256": image.sha256,
        "updated_at": image.updated_at_ms // 1000,
        "original_dropped_at": None if dropped_at_ms is None else dropped_at_ms // 1000,
        "duplicate_group": image.duplicate_group,
        "shown_job_id": image.current_job_id,
        "lookup_job_id": lookups[-1].id if lookups else None,
        "jobs": [
            {
                "job_id": job.id,
                "kind": job.kind,
                "status": job.status,
                "created_at": job.created_at_ms // 1000,
                "updated_at": job.updated_at_ms // 1000,
                "error": {"code": job.error_code, "message": job.error_message} if job.error_code else None,
            }
            for job in whole.jobs
        ],
    }


def _image_in(cursor: str | None, *, of: str) -> str | None:
    if cursor is None:
        return None
    match place_in(cursor, of=of):
        case [str() as image_id] if is_id(image_id):
            return image_id
    raise InvalidCursor
