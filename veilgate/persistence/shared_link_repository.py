"""Links under which somebody without a key may fetch a veiled copy for a while."""

from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from database_models import jobs, processed_images
from veilgate.persistence.clock import now_ms
from veilgate.persistence.races import ErasedMeanwhile
from veilgate.persistence.tables.outgoing import shared_links

_L, _I, _J = shared_links.c, processed_images.c, jobs.c


@dataclass(frozen=True, slots=True)
class SharedObject:
    """What a link leads to. `shown_prefix`: below it are the files of the result that is shown now."""

    key: str
    shown_prefix: str


class SharedLinkRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, token_sha256: str, *, image_id: str, object_key: str, works_ms: int) -> None:
        """Raises `ErasedMeanwhile`."""
        try:
            self._connection.execute(
                shared_links.insert().values(
                    token_sha256=token_sha256,
                    image_id=image_id,
                    object_key=object_key,
                    expires_at_ms=now_ms() + works_ms,
                )
            )
        except IntegrityError as error:
            raise ErasedMeanwhile from error

    def find(self, token_sha256: str) -> SharedObject | None:
        """None of one that is unknown or over, or whose image shows no result."""
        row = self._connection.execute(
            select(_L.object_key, _J.result_key)
            .join(processed_images, _I.id == _L.image_id)
            .join(jobs, _J.id == _I.current_job_id)
            .where(_L.token_sha256 == token_sha256, _L.expires_at_ms > now_ms(), _J.result_key.is_not(None))
        ).one_or_none()
        return SharedObject(row.object_key, row.result_key) if row else None

    def forget_image(self, image_id: str) -> None:
        self._connection.execute(shared_links.delete().where(_L.image_id == image_id))

    def forget_expired(self) -> int:
        result = self._connection.execute(shared_links.delete().where(_L.expires_at_ms <= now_ms()))
        return result.rowcount
