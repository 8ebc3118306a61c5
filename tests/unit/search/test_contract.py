"""What `veilgate.search.ports.VectorIndex` promises, of every index."""

import numpy as np
import pytest

from tests.fixtures.vector_oracle import VectorOracle, added, image_id, removed, vectors
from tests.unit.search.conftest import DIMENSIONS, Open
from veilgate.domain.search import IndexOperation
from veilgate.search.ports import IndexEntry, VectorIndex, VectorQuery

OWNERS = ("ann", "bob", 'ann\'s "other" key')
VECTORS = vectors(300, DIMENSIONS)
QUERIES = vectors(8, DIMENSIONS, seed=1)


def additions(numbers: range) -> list[IndexEntry]:
    return [added(number + 1, number, VECTORS[number], owner=OWNERS[number % 3]) for number in numbers]


def asked(index: VectorIndex, oracle: VectorOracle, *queries: VectorQuery) -> None:
    for answer, query in zip(index.search(queries), queries, strict=True):
        oracle.check(answer, query)


def every_kind() -> list[VectorQuery]:
    some = frozenset(map(image_id, range(0, 300, 7))) | {"no-uuid", image_id(9999)}
    return [
        VectorQuery(owner, QUERIES[number], k, among, below_seq)
        for number, owner in enumerate(OWNERS)
        for k in (3, 1000)
        for among in (None, some, frozenset[str]())
        for below_seq in (None, 120, 1)
    ]


def test_additions_in_pieces(open_index: Open) -> None:
    index, oracle = open_index(), VectorOracle()
    assert (index.seq, index.size) == (0, 0)
    for start in (0, 100, 101, 200):
        stop = {0: 100, 100: 101, 101: 200, 200: 300}[start]
        index.apply(additions(range(start, stop)))
        oracle.apply(additions(range(start, stop)))
    assert (index.seq, index.size, index.dimensions) == (300, 300, DIMENSIONS)
    asked(index, oracle, *every_kind())


def test_build_at_once_is_the_same(open_index: Open) -> None:
    index, oracle = open_index(), VectorOracle()
    index.apply([added(1, 1000, VECTORS[0], owner="ann"), added(2, 5, VECTORS[9], owner="ann")])
    index.build(iter(additions(range(2, 300))), seq=310)
    oracle.apply(additions(range(2, 300)))
    assert (index.seq, index.size) == (310, 298)
    asked(index, oracle, *every_kind())


def test_removed_and_added_again(open_index: Open) -> None:
    index, oracle = open_index(), VectorOracle()
    lines = [
        *additions(range(150)),
        *(removed(200 + number, number, owner=OWNERS[number % 3]) for number in range(0, 60, 3)),
        added(300, 0, VECTORS[200], owner="ann"),
        added(301, 3, VECTORS[201], owner="ann"),
        removed(302, 3, owner="ann"),
        added(303, 1, VECTORS[202], owner="bob"),
        added(304, 2, None, owner=OWNERS[2]),
        removed(305, 7777),
        IndexEntry(306, IndexOperation.JUDGE, image_id(4), "bob", VECTORS[4]),
    ]
    oracle.apply(lines)
    index.apply(lines[:140])
    index.apply(lines[140:])
    assert index.seq == 306
    assert index.size == len(oracle.alive())
    asked(index, oracle, *every_kind())


def test_lines_that_come_again_change_nothing(open_index: Open) -> None:
    index, oracle = open_index(), VectorOracle()
    lines = [*additions(range(30)), removed(100, 0, owner="ann"), added(101, 1, VECTORS[250], owner="bob")]
    oracle.apply(lines)
    index.apply(lines)
    index.apply(lines[:20])
    assert index.seq == 101
    index.apply(lines)
    assert (index.seq, index.size) == (101, 29)
    asked(index, oracle, *every_kind())


def test_an_index_that_was_built_may_be_ahead_of_the_log(open_index: Open) -> None:
    """While it was built, image 1 was embedded anew (line 50) and image 2 came (line 51)."""
    index, oracle = open_index(), VectorOracle()
    built = [added(1, 0, VECTORS[0]), added(50, 1, VECTORS[1]), added(51, 2, VECTORS[2])]
    index.build(built, seq=40)
    log = [removed(45, 1), *built[1:], removed(52, 0)]
    index.apply(log[:1])
    [answer] = index.search([VectorQuery("owner", VECTORS[1], 1)])
    assert [hit.seq for hit in answer.hits] == [50], "what came later stays"
    index.apply(log[1:])
    oracle.apply([*built, *log])
    assert index.size == 2
    asked(index, oracle, VectorQuery("owner", QUERIES[0], 5))


def test_equal_scores_are_in_the_order_of_the_log(open_index: Open) -> None:
    index = open_index()
    index.apply([added(seq, 100 - seq, VECTORS[0]) for seq in range(1, 81)])
    index.apply([added(81, 500, VECTORS[1])])
    [answer] = index.search([VectorQuery("owner", VECTORS[0], 10)])
    assert [hit.seq for hit in answer.hits] == list(range(1, 11))
    [answer] = index.search([VectorQuery("owner", VECTORS[0], 1, below_seq=40)])
    assert [(hit.seq, hit.image_id) for hit in answer.hits] == [(1, image_id(99))]


def test_nobody_sees_anothers(open_index: Open) -> None:
    index = open_index()
    index.apply(additions(range(30)))
    anns = [image_id(number) for number in range(0, 30, 3)]
    for owner, among in (("carl", None), ("bob", frozenset(anns)), ("", None)):
        [answer] = index.search([VectorQuery(owner, VECTORS[0], 10, among)])
        assert (answer.hits, answer.candidates) == ((), 0)


def test_other_dimensions_are_refused(open_index: Open) -> None:
    index = open_index()
    index.apply(additions(range(3)))
    longer = np.ones(DIMENSIONS + 1, np.float32)
    with pytest.raises(ValueError, match="dimensions"):
        index.apply([added(4, 4, VECTORS[4]), added(5, 5, longer)])
    with pytest.raises(ValueError, match="dimensions"):
        index.build([added(1, 1, longer)], seq=1)
    with pytest.raises(ValueError, match="dimensions"):
        index.search([VectorQuery("ann", longer, 1)])
    assert (index.seq, index.size) == (3, 3)


def test_vectors_without_a_direction_are_not_found(open_index: Open) -> None:
    index, oracle = open_index(), VectorOracle()
    nothing = np.zeros(DIMENSIONS, np.float32)
    index.apply([added(1, 1, VECTORS[1]), added(2, 2, nothing), added(3, 3, nothing * np.nan)])
    oracle.apply([added(1, 1, VECTORS[1])])
    assert (index.seq, index.size) == (3, 1)
    asked(index, oracle, VectorQuery("owner", QUERIES[0], 3))
    [answer] = index.search([VectorQuery("owner", nothing, 3)])
    assert answer.hits == ()


def test_half_a_line_is_not_carried_out(open_index: Open) -> None:
    index = open_index()
    index.apply([added(1, 1, VECTORS[1])])
    nonsense = IndexEntry(4, IndexOperation.ADD, "no uuid", "owner", VECTORS[3])
    with pytest.raises(ValueError, match=r"UUID|hex"):
        index.apply([added(2, 2, VECTORS[2]), removed(3, 1), nonsense])
    assert (index.seq, index.size) == (1, 1)
    index.apply([added(5, 5, VECTORS[5])])
    [answer] = index.search([VectorQuery("owner", VECTORS[1], 5)])
    assert {hit.seq for hit in answer.hits} == {1, 5}


def test_saved_and_opened_again(open_index: Open) -> None:
    index, oracle = open_index(), VectorOracle()
    lines = [*additions(range(200)), removed(201, 1, owner="bob"), removed(202, 199, owner="bob")]
    index.apply(lines)
    oracle.apply(lines)
    index.save()
    index.close()
    again = open_index()
    assert (again.seq, again.size) == (202, 198)
    asked(again, oracle, *every_kind())
    more = [added(203, 1, VECTORS[250], owner="bob"), removed(204, 0, owner="ann")]
    again.apply(more)
    oracle.apply(more)
    asked(again, oracle, *every_kind())
