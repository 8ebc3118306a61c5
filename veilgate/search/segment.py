"""Sealed rows of an index: sorted by owner, then by `seq`, so that an owner's rows lie together."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.search import IndexOperation
from veilgate.search.approximation import Approximation, Bitmap
from veilgate.search.identifiers import Ids, IdTable, as_rows, unpack
from veilgate.search.ports import IndexEntry, Vector
from veilgate.search.tail import NEVER, Rows


@dataclass(frozen=True, slots=True)
class WrittenFile:
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class OwnerRange:
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Living:
    """Those of an owner's rows that live, also as one bit for each row of theirs, after so many deaths."""

    rows: Rows
    bitmap: Bitmap
    deaths: int


class Segment:
    """Nothing of a segment changes but which of its rows are dead.

    A row that dies keeps its place, and the version of the index in which it died: readers of an earlier
    version still see it. One thread marks rows dead.
    """

    def __init__(
        self,
        name: str,
        *,
        ids: Ids,
        seqs: NDArray[np.int64],
        owners: Mapping[str, OwnerRange],
        vectors: Vector,
        approximations: Mapping[str, Approximation],
        files: Sequence[WrittenFile],
    ) -> None:
        self.name = name
        self.ids = ids
        self.seqs = seqs
        self.owners = owners
        self.vectors = vectors
        # Of the rows of those owners who have many.
        self.approximations = approximations
        self.files = files
        self.died: NDArray[np.int64] = np.full(len(seqs), NEVER, np.int64)
        self.dead_rows: list[int] = []
        # When the first of these died, by the monotonic clock; of those that were dead when it was read from
        # the disk nobody knows, and they count as dead for long.
        self.dead_since_s: float | None = None
        self._last_death = 0
        self._living: dict[str, Living] = {}
        self._table = IdTable(ids)

    @property
    def count(self) -> int:
        return len(self.seqs)

    def entries(self) -> list[IndexEntry]:
        """The additions that made it, in the order of the log."""
        owners = [name for name, mine in self.owners.items() for _ in range(mine.start, mine.stop)]
        return [
            IndexEntry(
                int(self.seqs[row]),
                IndexOperation.ADD,
                unpack(self.ids[row].tobytes()),
                owners[row],
                self.vectors[row],
            )
            for row in np.argsort(self.seqs).tolist()
        ]

    def owner_names(self) -> Iterable[str]:
        return self.owners

    def owner_codes(self, codes: Mapping[str, int]) -> NDArray[np.int32]:
        """The code of each row's owner."""
        return np.repeat(
            np.array([codes[name] for name in self.owners], np.int32),
            [mine.stop - mine.start for mine in self.owners.values()],
        )

    def find(self, packed: bytes) -> int | None:
        row = int(self._table.find(as_rows([packed]))[0])
        return None if row < 0 else row

    def kill(self, row: int, *, version: int) -> None:
        if self.dead_since_s is None:
            self.dead_since_s = time.monotonic() if version else float("-inf")
        self._last_death = max(self._last_death, version)
        self.died[row] = version
        self.dead_rows.append(row)

    def range_of(self, owner_id: str, *, below_seq: int | None) -> OwnerRange:
        """Where an owner's rows lie that were added before, dead ones too."""
        found = self.owners.get(owner_id, OwnerRange(0, 0))
        if below_seq is None:
            return found
        earlier = int(np.searchsorted(self.seqs[found.start : found.stop], below_seq))
        return OwnerRange(found.start, found.start + earlier)

    def living(self, owner_id: str, *, version: int) -> Living:
        """As of a version; kept for the next who asks, until another row dies."""
        deaths = len(self.dead_rows)
        is_newest = version >= self._last_death
        kept = self._living.get(owner_id)
        if kept and is_newest and kept.deaths == deaths:
            return kept
        mine = self.range_of(owner_id, below_seq=None)
        lives = self.died[mine.start : mine.stop] > version
        rows = np.flatnonzero(lives) + mine.start
        made = Living(rows, np.packbits(lives, bitorder="little"), deaths)
        if is_newest and owner_id in self.approximations:
            self._living[owner_id] = made
        return made

    def rows_among(self, wanted: Ids, *, owner_id: str, below_seq: int | None) -> Rows:
        mine = self.range_of(owner_id, below_seq=below_seq)
        # In their order: neighbours in the file are read together.
        rows = np.unique(self._table.find(wanted))
        return rows[(rows >= mine.start) & (rows < mine.stop)]
