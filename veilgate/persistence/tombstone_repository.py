"""What is left of erased images: that they are gone, and where their files lay. Kept for ever."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, update

from veilgate.persistence.clock import now_ms
from veilgate.persistence.tables.search import tombstones

_T = tombstones.c


@dataclass(frozen=True, slots=True)
class Tombstone:
    """`objects` are keys, and prefixes that end with a slash. At `look_at_ms` somebody has to look whether
    something is there; None once nothing was and nobody can write there any more."""

    image_id: str
    owner_id: str
    erased_at_ms: int
    objects: tuple[str, ...]
    look_at_ms: int | None


_COLUMNS = tuple(_T[name] for name in Tombstone.__dataclass_fields__)


class TombstoneRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, image_id: str, objects: Sequence[str], *, owner_id: str, look_in_ms: int) -> None:
        """One that was erased before may have come back, with rows from a backup: then in place of the first,
        and for its objects too."""
        if earlier := self.of(image_id):
            objects = [*dict.fromkeys((*earlier.objects, *objects))]
            self._connection.execute(tombstones.delete().where(_T.image_id == image_id))
        self._connection.execute(
            tombstones.insert().values(
                image_id=image_id,
                owner_id=owner_id,
                erased_at_ms=now_ms(),
                objects=json.dumps(objects),
                look_at_ms=now_ms() + look_in_ms,
            )
        )

    def of(self, image_id: str, *, owner_id: str | None = None) -> Tombstone | None:
        """Of this image, be it anybody's or this owner's."""
        whose = () if owner_id is None else (_T.owner_id == owner_id,)
        return next(iter(self._read(_select(_T.image_id == image_id, *whose))), None)

    def due(self, *, limit: int) -> list[Tombstone]:
        """Those that are to be looked at now, the longest overdue first."""
        return self._read(_select(_T.look_at_ms <= now_ms()).order_by(_T.look_at_ms).limit(limit))

    def after(self, image_id: str, *, limit: int) -> list[Tombstone]:
        return self._read(_select(_T.image_id > image_id).order_by(_T.image_id).limit(limit))

    def look_again(self, image_id: str, *, at_ms: int) -> None:
        self._connection.execute(update(tombstones).where(_T.image_id == image_id).values(look_at_ms=at_ms))

    def close(self, image_ids: Sequence[str]) -> None:
        """Nothing is left of these, and nobody can write there any more."""
        self._connection.execute(
            update(tombstones).where(_T.image_id.in_(image_ids)).values(look_at_ms=None, swept_at_ms=now_ms())
        )

    def _read(self, query: Select[Any]) -> list[Tombstone]:
        rows = self._connection.execute(query)
        return [Tombstone(**{**row._mapping, "objects": tuple(json.loads(row.objects))}) for row in rows]


def _select(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*_COLUMNS).where(*conditions)
