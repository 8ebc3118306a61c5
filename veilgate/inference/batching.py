"""Which waiting pictures a device runs next: arithmetic only."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pending:
    """One waiting picture: only equal keys may share a run; `pixels` is what it adds to the run."""

    key: Hashable
    pixels: int


def next_chunk(pending: Sequence[Pending], *, max_items: int, max_pixels: int) -> list[int]:
    """Positions, in order, of the items to run together next; empty only when nothing waits.

    The one that waited longest always goes, even when it is over `max_pixels` by itself. Others of its key
    join in the order they came; the first that does not fit ends the chunk, so that small pictures cannot
    overtake a large one for ever.
    """
    if not pending:
        return []
    key, pixels = pending[0].key, pending[0].pixels
    chunk = [0]
    for position, item in enumerate(pending[1:], start=1):
        if item.key != key:
            continue
        pixels += item.pixels
        if len(chunk) >= max_items or pixels > max_pixels:
            break
        chunk.append(position)
    return chunk
