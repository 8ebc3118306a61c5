"""Which image is a near-duplicate of which, as the log of embeddings is judged line by line."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, select, update

from database_models import processed_images
from veilgate.domain.search import Hit, IndexOperation
from veilgate.persistence.tables.search import embeddings, index_log

_I, _E, _L = processed_images.c, embeddings.c, index_log.c
# float32 gives two equal vectors a score of one but for the last bits.
_SCORE_OF_EQUALS = 1 - 1e-6


@dataclass(frozen=True, slots=True)
class LineToJudge:
    """A line of the log, and the image's embedding as it stands now, if there is one."""

    seq: int
    operation: IndexOperation
    image_id: str
    owner_id: str
    own_seq: int | None
    vector: bytes | None


@dataclass(frozen=True, slots=True)
class Kinship:
    """What is written down of an image."""

    owner_id: str
    near_duplicate_of: str | None
    near_duplicate_score: float | None
    duplicate_group: str | None


class NearDuplicateRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lines_after(
        self, seq: int, *, up_to: int, model_id: str, rejudged: bool, limit: int
    ) -> list[LineToJudge]:
        """Of what was asked to be judged again, or of all else."""
        asked_again = _L.operation == IndexOperation.JUDGE
        rows = self._connection.execute(
            select(_L.seq, _L.operation, _L.image_id, _L.owner_id, _E.seq.label("own_seq"), _E.vector)
            .outerjoin(embeddings, and_(_E.image_id == _L.image_id, _E.model_id == _L.model_id))
            .where(_L.model_id == model_id, _L.seq > seq, _L.seq <= up_to)
            .where(asked_again if rejudged else ~asked_again)
            .order_by(_L.seq)
            .limit(limit)
        )
        return [LineToJudge(row.seq, IndexOperation(row.operation), *row[2:]) for row in rows]

    def hold(self, image_ids: Collection[str]) -> dict[str, Kinship]:
        """Those that are still there; until the transaction ends nobody erases one of them."""
        rows = self._connection.execute(
            select(_I.id, *(_I[name] for name in Kinship.__dataclass_fields__))
            .where(_I.id.in_(image_ids))
            .order_by(_I.id)
            .with_for_update()
        )
        return {row.id: Kinship(*row[1:]) for row in rows}

    def below(self, image_id: str) -> set[str]:
        """The near-duplicates of an image, and those of these, and so on."""
        found: set[str] = set()
        edge = {image_id}
        while edge:
            rows = self._connection.execute(select(_I.id).where(_I.near_duplicate_of.in_(edge)))
            edge = set(rows.scalars()) - found - {image_id}
            found |= edge
        return found

    def link(self, image_id: str, likest: Hit | None, *, group: str | None) -> None:
        """From now on it is a near-duplicate of this one, or of none."""
        self._set(
            [image_id],
            near_duplicate_of=likest.image_id if likest else None,
            near_duplicate_score=likest.score if likest else None,
            duplicate_group=group,
        )

    def hand_on(self, image_id: str, *, model_id: str) -> None:
        """Let the earliest of an image's equals have what points to it and is equal too: of all of them only
        that one has to be judged again when the image is gone."""
        equals = and_(_I.near_duplicate_of == image_id, _I.near_duplicate_score >= _SCORE_OF_EQUALS)
        heir = self._connection.execute(
            select(_I.id)
            .join(embeddings, and_(_E.image_id == _I.id, _E.model_id == model_id))
            .where(equals)
            .order_by(_E.seq)
            .limit(1)
        ).scalar()
        if heir:
            self._connection.execute(
                update(processed_images).where(equals, _I.id != heir).values(near_duplicate_of=heir)
            )

    def put_in_group(self, image_ids: Sequence[str], group: str) -> None:
        self._set(image_ids, duplicate_group=group)

    def _set(self, image_ids: Sequence[str], **values: Any) -> None:
        self._connection.execute(update(processed_images).where(_I.id.in_(image_ids)).values(values))


def group_of(image_id: str, held: Mapping[str, Kinship]) -> str:
    """The group that whoever is a near-duplicate of this image belongs to."""
    return held[image_id].duplicate_group or image_id
