"""Sealing, merging and approximating, which no answer may show."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.vector_oracle import VectorOracle, added, image_id, removed, vectors
from tests.unit.search.conftest import DIMENSIONS, SMALL, small_faiss_index
from tests.waiting import wait_until
from veilgate.domain.search import Exactness
from veilgate.search.approximation import approximate
from veilgate.search.faiss_index import FaissIndex
from veilgate.search.ports import VectorQuery

ROWS = 1500
VECTORS = vectors(ROWS, DIMENSIONS, subjects=60)
QUERIES = vectors(40, DIMENSIONS, seed=1, subjects=60)
LINES = [
    added(number + 1, number, VECTORS[number], owner="few" if number % 15 == 0 else "many")
    for number in range(ROWS)
]


def settled(index: FaissIndex) -> bool:
    return index.unsealed_rows <= SMALL.tail_rows


NUMBERS = {image_id(number): number for number in range(ROWS)}
Grown = tuple[FaissIndex, VectorOracle]


def grow(folder: Path) -> Grown:
    """An index that has merged while it grew."""
    index, oracle = small_faiss_index(folder), VectorOracle()
    for start in range(0, ROWS, 100):
        index.apply(LINES[start : start + 100])
        wait_until(lambda: settled(index), timeout_s=30, what="all full tails to be sealed")
    oracle.apply(LINES)
    return index, oracle


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    index, oracle = grow(tmp_path_factory.mktemp("grown"))
    yield index, oracle
    index.close()


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[Grown]:
    index, oracle = grow(tmp_path)
    yield index, oracle
    index.close()


def test_segments_stay_few_and_files_do_not_pile_up(tmp_path: Path) -> None:
    index = small_faiss_index(tmp_path)
    counts = set()
    for start in range(0, ROWS, 100):
        index.apply(LINES[start : start + 100])
        wait_until(lambda: settled(index), timeout_s=30, what="all full tails to be sealed")
        counts.add(len(index.segment_rows))
        assert sum(index.segment_rows) + index.unsealed_rows == start + 100
    assert max(counts) in {2, 3, 4, 5}
    index.save()
    named = len(list(tmp_path.iterdir()))
    index.close()
    small_faiss_index(tmp_path)
    assert len(list(tmp_path.iterdir())) == named, "nothing was there that the manifest does not name"


def test_few_among_many_are_all_compared(grown: Grown) -> None:
    index, oracle = grown
    queries = [VectorQuery("few", query, 10) for query in QUERIES]
    for answer, query in zip(index.search(queries), queries, strict=True):
        assert answer.exactness is Exactness.EXACT
        oracle.check(answer, query)


@pytest.mark.parametrize("below_seq", [None, 1100])
@pytest.mark.parametrize("among", [None, frozenset(map(image_id, range(0, ROWS, 2)))])
def test_many_are_approximated_with_exact_scores(
    grown: Grown, *, among: frozenset[str] | None, below_seq: int | None
) -> None:
    index, oracle = grown
    queries = [VectorQuery("many", query, 10, among, below_seq) for query in QUERIES]
    found = 0
    for answer, query in zip(index.search(queries), queries, strict=True):
        hits, candidates = oracle.answer(query)
        assert (answer.exactness, answer.candidates) == (Exactness.APPROXIMATE, candidates)
        scores = {hit.image_id: hit.score for hit in hits}
        found += len({hit.image_id for hit in answer.hits} & scores.keys())
        for hit in answer.hits:
            assert hit.score == pytest.approx(scores.get(hit.image_id, hit.score), abs=1e-12)
            assert hit.seq == NUMBERS[hit.image_id] + 1
    assert found >= 0.99 * 10 * len(queries)


def test_all_likest_removed_leaves_as_many_others(changing: Grown) -> None:
    """More die around a query than are proposed for it."""
    index, oracle = changing
    likest, _ = oracle.answer(VectorQuery("many", QUERIES[0], 100))
    lines = [
        removed(ROWS + 1 + place, NUMBERS[hit.image_id], owner="many") for place, hit in enumerate(likest)
    ]
    index.apply(lines)
    oracle.apply(lines)
    query = VectorQuery("many", QUERIES[0], 10)
    [answer] = index.search([query])
    oracle.check(answer, query)
    assert answer.exactness is Exactness.APPROXIMATE


def test_more_places_than_an_approximation_proposes(grown: Grown) -> None:
    index, oracle = grown
    query = VectorQuery("many", QUERIES[0], 5000)
    [answer] = index.search([query])
    oracle.check(answer, query)


def test_scores_do_not_depend_on_where_a_row_lies(grown: Grown, tmp_path: Path) -> None:
    index, _ = grown
    at_once = small_faiss_index(tmp_path / "at-once")
    at_once.build(LINES, seq=ROWS)
    assert at_once.segment_rows != index.segment_rows
    for query in QUERIES:
        asked = [VectorQuery("few", query, 10)]
        assert index.search(asked) == at_once.search(asked)
    at_once.close()


def test_dead_rows_are_swept_out(changing: Grown) -> None:
    index, oracle = changing
    gone = [removed(ROWS + 1 + number, number, owner=LINES[number].owner_id) for number in range(1000)]
    index.apply(gone)
    oracle.apply(gone)
    wait_until(
        lambda: sum(index.segment_rows) + index.unsealed_rows < 700,
        timeout_s=30,
        what="segments without the dead",
    )
    assert index.size == 500
    query = VectorQuery("many", QUERIES[0], 20)
    oracle.check(index.search([query])[0], query)


def test_added_removed_and_searched_at_once(tmp_path: Path) -> None:
    """Every answer is right for some line between the one before it was asked for and the one after."""
    index, oracle = small_faiss_index(tmp_path), VectorOracle()
    lines = list(LINES[:900])
    for step in range(900):
        lines.append(removed(10_000 + 2 * step, step, owner=LINES[step].owner_id))
        if step % 2:
            lines.append(added(10_001 + 2 * step, step, VECTORS[-step - 1], owner=LINES[step].owner_id))
    oracle.apply(lines)

    def write() -> None:
        for start in range(0, len(lines), 20):
            index.apply(lines[start : start + 20])

    writing = threading.Thread(target=write)
    writing.start()
    seen = 0
    while writing.is_alive() or not seen:
        query = VectorQuery("few", QUERIES[seen % len(QUERIES)], 10)
        before = index.seq
        [answer] = index.search([query])
        oracle.check_meanwhile(answer, query, from_seq=before, to_seq=index.seq)
        seen += 1
    writing.join()
    wait_until(lambda: settled(index), timeout_s=30, what="all full tails to be sealed")
    for query in [VectorQuery("few", vector, 1000) for vector in QUERIES]:
        oracle.check(index.search([query])[0], query)
    index.close()


def test_thousands_of_the_same_picture_do_not_hide_others() -> None:
    """A graph links equal vectors to each other alone."""
    rows = np.concatenate([np.repeat(VECTORS[:1], 3000, axis=0), VECTORS[1:]])
    made = approximate(rows, threads=1, is_stopped=lambda: False)
    effort = made.effort_for(10, share=1.0)
    assert effort is not None
    likest = np.argsort(-(QUERIES @ rows.T), axis=1)[:, :10]
    proposed = made.propose(QUERIES, depth=32, effort=effort)
    found = [len(set(a) & set(b)) for a, b in zip(proposed.tolist(), likest.tolist(), strict=True)]
    assert sum(found) >= 0.98 * likest.size


def test_what_was_erased_leaves_the_files(tmp_path: Path) -> None:
    """One row of many is not worth a merge, and yet its vector must not stay for ever."""
    index, _ = grow(tmp_path)
    index.save()
    erased = VECTORS[0].astype("<f4").tobytes()
    assert holds(tmp_path, erased)
    index.apply([removed(ROWS + 1, 0, owner="few")])
    index.save()
    index.close()
    assert holds(tmp_path, erased), "it was one of many: nothing else would have removed it"
    # Of rows that are dead on the disk nobody knows for how long.
    again = small_faiss_index(tmp_path, sizes=replace(SMALL, look_every_s=0.05))
    wait_until(lambda: again.has_leavings, timeout_s=30, what="the segment to be made anew")
    again.save()
    assert not holds(tmp_path, erased)
    assert not again.has_leavings
    assert again.size == ROWS - 1
    again.close()


def holds(folder: Path, vector: bytes) -> bool:
    return any(vector in path.read_bytes() for path in folder.iterdir())
