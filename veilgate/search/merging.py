"""Several parts of an index made into one segment, without what is dead."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from veilgate.search.approximation import Approximation, Stopped, approximate
from veilgate.search.identifiers import Ids
from veilgate.search.ports import Vector
from veilgate.search.segment import OwnerRange, Segment, WrittenFile
from veilgate.search.segment_files import (
    OwnerBlock,
    approximation_name,
    map_vectors,
    remove_files,
    write_approximation,
    write_rows,
    write_vectors,
)
from veilgate.search.tail import NEVER, Rows, Tail
from veilgate.search.view import Part, View
from veilgate.telemetry.failpoints import failpoint

# A segment is merged with younger ones that have at least half its rows, so that there are few of them.
_RATIO = 2
_DEAD_SHARE = 0.25
# What was erased leaves the files after that at the latest.
LONGEST_DEAD_S = 86_400.0
_COPIED_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Effort:
    """How a merge is to be carried out."""

    threads: int
    is_stopped: Callable[[], bool]
    approximated_from: int


def parts_to_merge(view: View) -> tuple[Part, ...]:
    """What is worth merging now; nothing, mostly."""
    overdue_s = time.monotonic() - LONGEST_DEAD_S
    for segment in view.segments:
        is_overdue = segment.dead_since_s is not None and segment.dead_since_s < overdue_s
        if is_overdue or len(segment.dead_rows) > _DEAD_SHARE * segment.count:
            return (segment,)
    full = view.tails[:-1]
    chosen: list[Part] = list(full)
    rows = sum(tail.count for tail in full)
    for segment in reversed(view.segments) if full else ():
        if segment.count > _RATIO * rows:
            break
        chosen.insert(0, segment)
        rows += segment.count
    return tuple(chosen)


def merge(parts: Sequence[Part], folder: Path, *, version: int, effort: Effort) -> Segment:
    """A segment of what lives in these parts, on the disk and in none of the folder's lists yet.

    Raises `OSError`, and `Stopped`; then nothing is left of it.
    """
    name = f"segment-{uuid4().hex}"
    rows = _LiveRows.of(parts, version=version)
    try:
        segment = _write(rows, folder, name=name, effort=effort)
    except BaseException:
        remove_files(folder, [path.name for path in folder.glob(f"{name}.*")])
        raise
    failpoint("index_segment_written")
    return segment


def carry_deaths(merged: Sequence[Part], segment: Segment, *, version: int) -> None:
    """Mark dead what died in these parts after they were read at `version`."""
    for part in merged:
        later = np.flatnonzero((part.died[: part.count] > version) & (part.died[: part.count] < NEVER))
        for row in later.tolist():
            place = segment.find(part.ids[row].tobytes())
            assert place is not None, "it lived when the segment was made"
            segment.kill(place, version=int(part.died[row]))


def write_tail(tails: Sequence[Tail], folder: Path, *, name: str, version: int) -> Sequence[WrittenFile]:
    """The files of a segment with what lives in these tails."""
    effort = Effort(threads=1, is_stopped=lambda: False, approximated_from=sum(t.count for t in tails) + 1)
    return _write(_LiveRows.of(tails, version=version), folder, name=name, effort=effort).files


@dataclass(frozen=True, slots=True)
class _LiveRows:
    """Rows of several parts in the order of a segment: by owner, then by `seq`."""

    parts: Sequence[Part]
    part_numbers: NDArray[np.int32]
    rows: Rows
    ids: Ids
    seqs: NDArray[np.int64]
    owners: dict[str, OwnerRange]

    @classmethod
    def of(cls, parts: Sequence[Part], *, version: int) -> "_LiveRows":
        names = sorted({name for part in parts for name in part.owner_names()})
        codes = {name: code for code, name in enumerate(names)}
        alive = [np.flatnonzero(part.died[: part.count] > version) for part in parts]
        numbers = np.concatenate([np.full(len(rows), number, np.int32) for number, rows in enumerate(alive)])
        seqs = np.concatenate([part.seqs[rows] for part, rows in zip(parts, alive, strict=True)])
        owners = np.concatenate(
            [part.owner_codes(codes)[rows] for part, rows in zip(parts, alive, strict=True)]
        )
        ids = np.concatenate([part.ids[rows] for part, rows in zip(parts, alive, strict=True)])
        order = np.lexsort((seqs, owners))
        bounds = np.searchsorted(owners[order], np.arange(len(names) + 1)).tolist()
        ranges = {
            name: OwnerRange(bounds[code], bounds[code + 1])
            for name, code in codes.items()
            if bounds[code] < bounds[code + 1]
        }
        return cls(parts, numbers[order], np.concatenate(alive)[order], ids[order], seqs[order], ranges)

    def vectors(self) -> Iterator[Vector]:
        dimensions = self.parts[0].vectors.shape[1]
        for start in range(0, len(self.rows), _COPIED_ROWS):
            numbers, rows = self.part_numbers[start : start + _COPIED_ROWS], self.rows[start:][:_COPIED_ROWS]
            block = np.empty((len(rows), dimensions), np.float32)
            for number in np.unique(numbers).tolist():
                mine = numbers == number
                block[mine] = self.parts[number].vectors[rows[mine]]
            yield block


def _write(live: _LiveRows, folder: Path, *, name: str, effort: Effort) -> Segment:
    files = [write_vectors(folder, name, live.vectors())]
    vectors = map_vectors(folder, name, live.parts[0].vectors.shape[1])
    approximations: dict[str, Approximation] = {}
    blocks: list[OwnerBlock] = []
    for number, (owner_id, mine) in enumerate(live.owners.items()):
        if effort.is_stopped():
            raise Stopped
        needed = None
        if mine.stop - mine.start >= effort.approximated_from:
            made = approximate(
                vectors[mine.start : mine.stop], threads=effort.threads, is_stopped=effort.is_stopped
            )
            files.append(write_approximation(folder, approximation_name(name, number), made))
            approximations[owner_id] = made
            needed = made.effort
        blocks.append(OwnerBlock(owner_id, mine.start, mine.stop, needed))
    files.append(write_rows(folder, name, ids=live.ids, seqs=live.seqs, owners=blocks))
    return Segment(
        name,
        ids=live.ids,
        seqs=live.seqs,
        owners=live.owners,
        vectors=vectors,
        approximations=approximations,
        files=tuple(files),
    )
