"""The index in this process: sealed segments, and a small tail that grows."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from veilgate.search.changes import carried_out
from veilgate.search.identifiers import pack
from veilgate.search.merging import Effort, carry_deaths, merge
from veilgate.search.ports import Answer, IndexEntry, VectorQuery
from veilgate.search.sealing import Sealer
from veilgate.search.segment import Segment, WrittenFile
from veilgate.search.segment_files import Damaged, remove_files
from veilgate.search.sizes import Sizes
from veilgate.search.snapshot import Snapshot, read_snapshot, remove_unnamed, write_snapshot
from veilgate.search.tail import Tail
from veilgate.search.view import Part, View
from veilgate.search.view_search import search_view
from veilgate.telemetry.usable_cores import usable_cores

# While it is built anew so many rows are held in memory before they go to the disk.
_BUILT_TAILS = 16
_USUAL = Sizes()


class FaissIndex:
    """A `VectorIndex` (see ports): one thread calls `build`, `apply`, `save` and `close`, any number search.

    What is published is a view. Readers take one and keep it; the writer and the sealer put another in its
    place and change nothing that a view shows.
    """

    def __init__(self, folder: Path, *, model_id: str, dimensions: int, sizes: Sizes = _USUAL) -> None:
        self.model_id = model_id
        self.dimensions = dimensions
        # Why it began empty although something was saved here.
        self.reason: str | None = None
        self._folder = folder
        self._sizes = sizes
        self._publishing = threading.Lock()
        # Segments that are in no view, and perhaps in the manifest still.
        self._retired: list[Segment] = []
        self._saved_tail: Sequence[WrittenFile] = ()
        self._view = self._empty_view(version=1)
        self._sealer = Sealer(folder, current=lambda: self._view, install=self._install, sizes=sizes)

    @property
    def seq(self) -> int:
        return self._view.seq

    @property
    def size(self) -> int:
        return self._view.size

    @property
    def segment_rows(self) -> tuple[int, ...]:
        """How many rows each segment has, the oldest first."""
        return tuple(segment.count for segment in self._view.segments)

    @property
    def unsealed_rows(self) -> int:
        return sum(tail.count for tail in self._view.tails)

    def load(self) -> None:
        """Take up what was saved; stay empty and give a `reason` if it cannot be used."""
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            snapshot = read_snapshot(self._folder, model_id=self.model_id, dimensions=self.dimensions)
        except Damaged as damage:
            self.reason = str(damage)
            snapshot = None
        if snapshot:
            self._view = self._view_of(snapshot)
        remove_unnamed(self._folder, snapshot)
        if any(segment.dead_rows for segment in self._view.segments):
            self._sealer.start()

    def build(self, entries: Iterable[IndexEntry], *, seq: int) -> None:
        view = self._empty_view(version=self._view.version + 1)
        for entry in entries:
            self._check(entry)
            view = carried_out(view, entry, new_tail=self._new_tail)
            if len(view.tails) > _BUILT_TAILS:
                view = self._sealed(view, view.tails[:-1], approximated=False)
        if view.segments or len(view.tails) > 1:
            view = replace(view, tails=(*view.tails, self._new_tail()), growing_count=0)
            view = self._sealed(view, (*view.segments, *view.tails[:-1]), approximated=True)
        with self._publishing:
            self._retired += self._view.segments
            self._view = replace(view, seq=seq)

    def apply(self, entries: Sequence[IndexEntry]) -> None:
        fresh = [entry for entry in entries if entry.seq > self._view.seq]
        for entry in fresh:
            self._check(entry)
        if not fresh:
            return
        with self._publishing:
            view = replace(self._view, version=self._view.version + 1)
            for entry in fresh:
                view = carried_out(view, entry, new_tail=self._new_tail)
            self._view = replace(view, seq=fresh[-1].seq)
        self._sealer.wake()

    def search(self, queries: Sequence[VectorQuery]) -> list[Answer]:
        for query in queries:
            self._check_dimensions(query.vector.shape)
        return search_view(self._view, queries, exact_within=self._sizes.exact_within)

    def save(self) -> None:
        with self._publishing:
            view, retired = self._view, tuple(self._retired)
        tail_files = write_snapshot(self._folder, view, model_id=self.model_id, dimensions=self.dimensions)
        with self._publishing:
            self._retired = [segment for segment in self._retired if segment not in retired]
        superseded = [file.name for segment in retired for file in segment.files]
        remove_files(self._folder, [*superseded, *(file.name for file in self._saved_tail)])
        self._saved_tail = tail_files

    @property
    def has_leavings(self) -> bool:
        """Whether the disk holds what is in no view any more, until the next `save`."""
        return bool(self._retired)

    def close(self) -> None:
        self._sealer.stop()

    def _install(self, merged: Sequence[Part], segment: Segment, seen: View) -> None:
        """Show a segment instead of the parts that it was merged from, as of the view `seen`."""
        with self._publishing:
            view = self._view
            is_current = set(merged) <= {*view.segments, *view.tails}
            if is_current:
                carry_deaths(merged, segment, version=seen.version)
                self._view = _with_segment(view, merged, segment)
                self._retired += [part for part in merged if isinstance(part, Segment)]
        if not is_current or not segment.count:
            remove_files(self._folder, [file.name for file in segment.files])

    def _sealed(self, view: View, merged: Sequence[Part], *, approximated: bool) -> View:
        """A view that is being built, with these parts as one segment."""
        effort = Effort(
            threads=usable_cores(),
            is_stopped=lambda: False,
            approximated_from=self._sizes.approximated_from if approximated else view.size + 1,
        )
        segment = merge(merged, self._folder, version=view.version, effort=effort)
        self._retired += [part for part in merged if isinstance(part, Segment)]
        return _with_segment(view, merged, segment)

    def _view_of(self, snapshot: Snapshot) -> View:
        view = replace(self._view, segments=snapshot.segments)
        view = replace(view, size=sum(each.count - len(each.dead_rows) for each in snapshot.segments))
        if snapshot.tail:
            for entry in snapshot.tail.entries():
                view = carried_out(view, entry, new_tail=self._new_tail)
            self._saved_tail = snapshot.tail.files
        return replace(view, seq=snapshot.seq)

    def _check(self, entry: IndexEntry) -> None:
        """Before anything is changed: half a line must not be carried out."""
        pack(entry.image_id)
        if entry.vector is not None:
            self._check_dimensions(entry.vector.shape)

    def _check_dimensions(self, shape: tuple[int, ...]) -> None:
        if shape != (self.dimensions,):
            raise ValueError(f"{self.model_id} has {self.dimensions} dimensions; these are {shape}")

    def _empty_view(self, *, version: int) -> View:
        return View(version, seq=0, size=0, segments=(), tails=(self._new_tail(),), growing_count=0)

    def _new_tail(self) -> Tail:
        return Tail(capacity=self._sizes.tail_rows, dimensions=self.dimensions)


def _with_segment(view: View, merged: Sequence[Part], segment: Segment) -> View:
    """In the place of what it was merged from: segments stay in the order of their age."""
    kept = [each for each in view.segments if each not in merged]
    place = next((at for at, each in enumerate(view.segments) if each in merged), len(kept))
    if segment.count:
        kept.insert(place, segment)
    tails = tuple(tail for tail in view.tails if tail not in merged)
    return replace(view, segments=tuple(kept), tails=tails)


def open_faiss_index(folder: Path, *, model_id: str, dimensions: int) -> FaissIndex:
    """The index that was saved in this folder; an empty one, with `seq` 0, if there is none or it cannot be
    used, and then `reason` says why."""
    index = FaissIndex(folder, model_id=model_id, dimensions=dimensions)
    index.load()
    return index
