"""One line of the log, carried out on a view that nobody sees yet."""

from collections.abc import Callable
from dataclasses import replace

from veilgate.domain.search import IndexOperation
from veilgate.search.identifiers import pack
from veilgate.search.ports import IndexEntry, Vector
from veilgate.search.ranking import has_direction
from veilgate.search.tail import NEVER, Tail
from veilgate.search.view import Part, View


def carried_out(view: View, entry: IndexEntry, *, new_tail: Callable[[], Tail]) -> View:
    """The view with this line: rows die in its version, and are added behind what earlier views show.

    A row that was added by a later line stays: an index that was built anew may be ahead of the log.
    """
    if entry.operation is IndexOperation.JUDGE:
        return view
    place = _alive(view, pack(entry.image_id))
    adds = entry.operation is IndexOperation.ADD
    if place:
        part, row = place
        added_at = int(part.seqs[row])
        if added_at > entry.seq or (adds and added_at == entry.seq):
            return view
        part.kill(row, version=view.version)
        view = replace(view, size=view.size - 1)
    if not adds or entry.vector is None or not has_direction(entry.vector):
        return view
    return _appended(view, entry, entry.vector, new_tail=new_tail)


def _alive(view: View, packed: bytes) -> tuple[Part, int] | None:
    """Where an image is now."""
    parts: list[Part] = [*reversed(view.tails), *reversed(view.segments)]
    for part in parts:
        row = part.find(packed)
        if row is not None and part.died[row] == NEVER:
            return part, row
    return None


def _appended(view: View, entry: IndexEntry, vector: Vector, *, new_tail: Callable[[], Tail]) -> View:
    if view.tails[-1].is_full:
        view = replace(view, tails=(*view.tails, new_tail()))
    tail = view.tails[-1]
    tail.append(entry.image_id, entry.owner_id, seq=entry.seq, vector=vector)
    return replace(view, size=view.size + 1, growing_count=tail.count)
