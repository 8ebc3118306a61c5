"""Jobs as an operator looks for them: whoever they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from database_models import jobs, processed_images
from veilgate.domain.ids import CLOCKS_APART_MS, uuid7
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.arrival import arrival
from veilgate.persistence.clock import now_ms

_J, _I = jobs.c, processed_images.c


@dataclass(frozen=True, slots=True)
class ListedJob:
    id: str
    image_id: str
    kind: str
    status: str
    lane: str
    attempts: int
    deliveries: int
    worker: str | None
    error_code: str | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A dead letter, and its place among them."""

    id: str
    owner_id: str
    place: Any


@dataclass(frozen=True, slots=True)
class WholeJob:
    """A job and its image, with every column that says how it got where it is."""

    id: str
    owner_id: str
    image_id: str
    kind: str
    lane: str
    status: str
    fence: int
    attempts: int
    deliveries: int
    suspect: bool
    ran_alone: bool
    worker: str | None
    lease_until_ms: int | None
    not_before_ms: int
    dispatched_at_ms: int | None
    options: str
    error_code: str | None
    error_message: str | None
    result_key: str | None
    correlation_id: str | None
    created_at_ms: int
    updated_at_ms: int
    started_at_ms: int | None
    finished_at_ms: int | None
    filename: str
    file_size: int
    sha256: str
    format: str
    width: int
    height: int
    original_key: str
    current_job_id: str | None


_LISTED = select(*(_J[name] for name in ListedJob.__dataclass_fields__))
_WHOLE = select(*(_J[name] if name in _J else _I[name] for name in WholeJob.__dataclass_fields__)).join(
    processed_images, _I.id == _J.image_id
)


class JobListing:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self, *, older_than_ms: int, limit: int) -> list[ListedJob]:
        """Of all jobs; with an age, of those that were made at least so long ago."""
        conditions = self._older(older_than_ms, by_id=True)
        return self._listed(_LISTED.where(*conditions).order_by(_J.id.desc()).limit(limit))

    def of_image(self, image_id: str, *, older_than_ms: int) -> list[ListedJob]:
        """An image has few: all of them, the newest first."""
        conditions = (_J.image_id == image_id, *_older_rows(older_than_ms))
        found = self._listed(_LISTED.where(*conditions))
        return sorted(found, key=lambda job: job.id, reverse=True)

    def in_status(
        self, status: JobStatus, *, older_than_ms: int, limit: int, oldest_first: bool
    ) -> list[ListedJob]:
        """Those of one status, as far as the limit, from one end of the order in which they arrived."""
        order = arrival() if oldest_first else arrival().desc()
        conditions = (*_with_status(status), *self._older(older_than_ms, by_id=False))
        return self._listed(_LISTED.where(*conditions).order_by(order).limit(limit))

    def failed_after(self, place: Any, *, code: str | None, limit: int) -> list[FailedJob]:
        """Dead letters in the order in which they arrived, behind a place."""
        conditions = [*_with_status(JobStatus.FAILED)]
        if place is not None:
            conditions.append(arrival() > place)
        if code is not None:
            conditions.append(_J.error_code == code)
        rows = self._connection.execute(
            select(_J.id, _J.owner_id, arrival().label("place"))
            .where(*conditions)
            .order_by(arrival())
            .limit(limit)
        )
        return [FailedJob(*row) for row in rows]

    def whole(self, job_id: str) -> WholeJob | None:
        row = self._connection.execute(_WHOLE.where(_J.id == job_id)).one_or_none()
        return WholeJob(**row._mapping) if row else None

    def _listed(self, query: Select[Any]) -> list[ListedJob]:
        return [ListedJob(**row._mapping) for row in self._connection.execute(query)]

    def _older(self, age_ms: int, *, by_id: bool) -> Sequence[ColumnElement[bool]]:
        """Rows of that age, without reading all the younger ones to leave them out."""
        if not age_ms:
            return ()
        now = int(self._connection.execute(select(now_ms())).scalar_one())
        newest_id = uuid7(unix_ms=max(0, now - age_ms + CLOCKS_APART_MS), random=2**80 - 1)
        if by_id:
            return (_J.id <= newest_id, *_older_rows(age_ms))
        place = self._connection.execute(
            select(arrival()).select_from(jobs).where(_J.id <= newest_id).order_by(_J.id.desc()).limit(1)
        ).scalar_one_or_none()
        # No row is so old; of what is no id at all nobody knows.
        return (arrival() <= place if place is not None else _J.id <= newest_id, *_older_rows(age_ms))


def _older_rows(age_ms: int) -> tuple[ColumnElement[bool], ...]:
    return (_J.created_at_ms <= now_ms() - age_ms,) if age_ms else ()


def _with_status(status: JobStatus) -> tuple[ColumnElement[bool], ...]:
    """Answered from the index (status, lease_until_ms), in the order of arrival: only jobs that run have a
    lease, and of those there are few."""
    of_status = _J.status == status
    return (of_status,) if status is JobStatus.PROCESSING else (of_status, _J.lease_until_ms.is_(None))
