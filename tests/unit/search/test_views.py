"""What a reader holds while others write, and how few proposals and rounding are dealt with."""

from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.vector_oracle import added, image_id, removed, vectors
from tests.unit.search.conftest import DIMENSIONS
from veilgate.search.approximation import Bitmap
from veilgate.search.changes import carried_out
from veilgate.search.merging import Effort, merge
from veilgate.search.ports import Vector, VectorQuery
from veilgate.search.proposals import propose
from veilgate.search.ranking import Contenders, best
from veilgate.search.segment import Segment
from veilgate.search.tail import Rows, Tail
from veilgate.search.view import Candidates, View
from veilgate.search.view_search import search_view

VECTORS = vectors(40, DIMENSIONS)


def new_tail() -> Tail:
    return Tail(capacity=20, dimensions=DIMENSIONS)


def view_of(count: int) -> View:
    view = View(version=1, seq=0, size=0, segments=(), tails=(new_tail(),), growing_count=0)
    for number in range(count):
        view = carried_out(view, added(number + 1, number, VECTORS[number]), new_tail=new_tail)
    return view


def later(view: View) -> View:
    return View(
        view.version + 1, view.seq, view.size, view.segments, view.tails, growing_count=view.growing_count
    )


def found(view: View, k: int = 100) -> set[str]:
    [answer] = search_view(view, [VectorQuery("owner", VECTORS[0], k)], exact_within=1000)
    assert answer.candidates == len(answer.hits)
    return {hit.image_id for hit in answer.hits}


def sealed(view: View, folder: Path) -> Segment:
    effort = Effort(threads=1, is_stopped=lambda: False, approximated_from=1000)
    return merge(view.tails, folder, version=view.version, effort=effort)


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_reader_sees_the_index_as_it_was(tmp_path: Path, *, is_sealed: bool) -> None:
    before = view_of(30)
    if is_sealed:
        before = View(1, 0, 30, (sealed(before, tmp_path),), (new_tail(),), growing_count=0)
    after = later(before)
    for line in (removed(101, 3), removed(102, 25), added(103, 4, VECTORS[35]), added(104, 31, VECTORS[31])):
        after = carried_out(after, line, new_tail=new_tail)
    everything = {image_id(number) for number in range(30)}
    assert found(before) == everything
    assert found(after) == everything - {image_id(3), image_id(25)} | {image_id(31)}
    assert (before.size, after.size) == (30, 29)


class ProposesLittle:
    """An approximation that comes up with three rows, whatever is asked of it."""

    count = 30

    def effort_for(self, _k: int, *, share: float) -> int | None:
        return int(10 / share)

    def propose(self, queries: Vector, *, depth: int, effort: int, allowed: Bitmap | None = None) -> Rows:
        assert (effort, allowed) == (10, None)
        rows = np.full((len(queries), depth), -1, np.int64)
        rows[:, :3] = [4, 5, 6]
        return rows


@pytest.mark.parametrize(("k", "is_enough"), [(3, True), (4, False)])
def test_all_is_compared_where_too_little_is_proposed(tmp_path: Path, *, k: int, is_enough: bool) -> None:
    segment = sealed(view_of(30), tmp_path)
    segment.approximations = {"owner": ProposesLittle()}  # type: ignore[dict-item]
    candidates = Candidates(segment, slice(0, 30), 30)
    proposed = propose(candidates, VECTORS[:1], owner_id="owner", k=k)
    assert (proposed is not None) == is_enough


def test_rounding_does_not_decide(tmp_path: Path) -> None:
    """Three rows with the same vector, which BLAS gave scores that differ in the last place."""
    view = View(version=1, seq=0, size=0, segments=(), tails=(new_tail(),), growing_count=0)
    for number in range(3):
        view = carried_out(view, added(number + 1, number, VECTORS[0]), new_tail=new_tail)
    scores = np.array([0.9999994, 0.9999999, 1.0000002], np.float32)
    contenders = Contenders(view.tails[0], np.arange(3), scores)
    assert [hit.seq for hit in best([contenders], VECTORS[0], 1)] == [1]
    assert [hit.seq for hit in best([contenders], VECTORS[0], 2)] == [1, 2]
