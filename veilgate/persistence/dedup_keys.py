"""De-duplication keys: which job stands for a picture with these options."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, bindparam, select, update

from database_models import jobs
from veilgate.domain.jobs import JobStatus, Lane
from veilgate.persistence.instant_query import InstantQuery, NotAtOnce

_STANDING = frozenset({JobStatus.SUBMITTED, JobStatus.PROCESSING, JobStatus.COMPLETED})
_ENDED_IN_VAIN = frozenset(JobStatus) - _STANDING


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The job that has a key."""

    job_id: str
    lane: Lane
    status: JobStatus

    @property
    def stands(self) -> bool:
        """Whether another upload may rely on it: it has a result, or is on its way to one."""
        return self.status in _STANDING


_SELECT = select(jobs.c.id, jobs.c.lane, jobs.c.status).where(jobs.c.dedup_key == bindparam("dedup_key"))
_IS_HELD = select(jobs.c.id).where(jobs.c.dedup_key == bindparam("dedup_key"))


def read_holder(connection: Connection, dedup_key: str) -> KeyHolder | None:
    row = connection.execute(_SELECT, {"dedup_key": dedup_key}).one_or_none()
    return KeyHolder(row.id, Lane(row.lane), JobStatus(row.status)) if row else None


def release_keys(connection: Connection, dedup_keys: Sequence[str]) -> None:
    """Take these keys from jobs that failed or were cancelled, so that new ones may have them."""
    connection.execute(
        update(jobs)
        .where(jobs.c.dedup_key.in_(dedup_keys), jobs.c.status.in_(_ENDED_IN_VAIN))
        .values(dedup_key=None)
    )


class FreeKeys:
    """Whether a key is free. Every upload asks, and nearly all hear that it is: so it has to be cheap."""

    def __init__(self, engine: Engine) -> None:
        self._query = InstantQuery(engine, _IS_HELD)

    def is_free(self, dedup_key: str) -> bool:
        """True may be wrong a moment later, or of a server that has been left by the others: the unique index
        has the last word. False says only that whoever has it is to be read."""
        try:
            return self._query.row(dedup_key=dedup_key) is None
        except NotAtOnce:
            return False
