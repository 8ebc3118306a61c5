"""An index as it was at one moment, and who of it may be a hit."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from veilgate.search.approximation import Bitmap
from veilgate.search.identifiers import Ids
from veilgate.search.segment import OwnerRange, Segment
from veilgate.search.tail import Rows, Tail

Part = Segment | Tail


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose images, and which of them: what several queries have in common."""

    owner_id: str
    below_seq: int | None
    among: Ids | None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows of one part that may be hits. Where all rows of a range may, `rows` is that range, so that
    nobody copies their vectors."""

    part: Part
    rows: Rows | slice
    count: int
    # One bit for each of the owner's rows, where somebody has it already.
    bitmap: Bitmap | None = None


@dataclass(frozen=True, slots=True)
class View:
    """Readers hold one while they search: what is added, dies or is merged meanwhile is not seen."""

    version: int
    seq: int
    size: int
    segments: tuple[Segment, ...]
    # Full ones that wait to be sealed, and last the one that grows.
    tails: tuple[Tail, ...]
    growing_count: int

    def candidates(self, wanted: Wanted) -> list[Candidates]:
        return [found for found in self._in_parts(wanted) if found.count]

    def _in_parts(self, wanted: Wanted) -> Iterator[Candidates]:
        for segment in self.segments:
            yield self._in_segment(segment, wanted)
        for tail in self.tails[:-1]:
            yield self._in_tail(tail, wanted, tail.count)
        yield self._in_tail(self.tails[-1], wanted, self.growing_count)

    def _in_segment(self, segment: Segment, wanted: Wanted) -> Candidates:
        if wanted.among is not None:
            rows = segment.rows_among(wanted.among, owner_id=wanted.owner_id, below_seq=wanted.below_seq)
            return self._alive(segment, rows)
        mine = segment.range_of(wanted.owner_id, below_seq=wanted.below_seq)
        if not segment.dead_rows:
            return _whole(segment, mine)
        living = segment.living(wanted.owner_id, version=self.version)
        if wanted.below_seq is None:
            return Candidates(segment, living.rows, len(living.rows), living.bitmap)
        rows = living.rows[: np.searchsorted(living.rows, mine.stop)]
        return Candidates(segment, rows, len(rows))

    def _in_tail(self, tail: Tail, wanted: Wanted, count: int) -> Candidates:
        if wanted.among is None:
            rows = tail.rows_of(wanted.owner_id, count=count)
        else:
            rows = tail.rows_among(wanted.among, owner_id=wanted.owner_id, count=count)
        if wanted.below_seq is not None:
            rows = rows[tail.seqs[rows] < wanted.below_seq]
        return self._alive(tail, rows)

    def _alive(self, part: Part, rows: Rows) -> Candidates:
        rows = rows[part.died[rows] > self.version]
        count = len(rows)
        if count and rows[-1] - rows[0] + 1 == count and not isinstance(part, Segment):
            return Candidates(part, slice(int(rows[0]), int(rows[-1]) + 1), count)
        return Candidates(part, rows, count)


def _whole(segment: Segment, mine: OwnerRange) -> Candidates:
    return Candidates(segment, slice(mine.start, mine.stop), mine.stop - mine.start)
