"""What `GET /status` reads, for which callers ask more often than for anything else."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, bindparam, func, literal_column, select

from database_models import jobs, processed_images
from veilgate.domain.jobs import JobKind
from veilgate.persistence.instant_query import InstantQuery, NotAtOnce


@dataclass(frozen=True, slots=True)
class StatusRow:
    """`options` and `results` are the JSON texts as they were stored."""

    job_id: str
    image_id: str
    kind: str
    status: str
    filename: str
    file_size: int
    created_at_ms: int
    updated_at_ms: int
    attempts: int
    options: str
    results: str | None
    error_code: str | None
    error_message: str | None
    near_duplicate_of: str | None
    near_duplicate_score: float | None
    result_key: str | None
    # The lookup of the image that was asked for last.
    lookup_job_id: str | None


_J, _I = jobs.c, processed_images.c
_L = jobs.alias("lookups")
# No value of it is bound: `InstantQuery` knows of those alone that it is given.
_NEWEST_LOOKUP = (
    select(func.max(_L.c.id))
    .where(_L.c.image_id == _I.id, _L.c.kind == literal_column(f"'{JobKind.LOOKUP}'"))
    .scalar_subquery()
)
_SELECT = (
    select(
        *(_J.id.label("job_id"), _J.image_id, _J.kind, _J.status, _I.filename, _I.file_size),
        *(
            _J.created_at_ms,
            _J.updated_at_ms,
            _J.attempts,
            _J.options,
            _J.results,
            _J.error_code,
            _J.error_message,
        ),
        *(_I.near_duplicate_of, _I.near_duplicate_score, _J.result_key),
        _NEWEST_LOOKUP.label("lookup_job_id"),
    )
    .join(processed_images, _I.id == _J.image_id)
    .where(_J.id == bindparam("job_id"), _J.owner_id == bindparam("owner_id"))
)


def read_status(connection: Connection, job_id: str, owner_id: str) -> StatusRow | None:
    row = connection.execute(_SELECT, {"job_id": job_id, "owner_id": owner_id}).one_or_none()
    return StatusRow(**row._mapping) if row else None


class InstantStatusRows:
    """Reads from an SQLite file at once or not at all."""

    def __init__(self, engine: Engine) -> None:
        self._query = InstantQuery(engine, _SELECT)

    def read(self, job_id: str, owner_id: str) -> StatusRow | None:
        """None when it is not there or cannot be read at once: ask in the usual way then."""
        try:
            row = self._query.row(job_id=job_id, owner_id=owner_id)
        except NotAtOnce:
            return None
        return StatusRow(*row) if row else None
