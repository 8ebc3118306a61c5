"""Which pictures run together: the longest waiting first, alike ones with it, never more than fits."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.inference.batching import Pending, next_chunk


@pytest.mark.parametrize(
    ("waiting", "max_items", "max_pixels", "expected"),
    [
        pytest.param([], 4, 100, [], id="nothing waits"),
        pytest.param([("a", 10)], 4, 100, [0], id="one alone"),
        pytest.param([("a", 10)] * 3, 4, 100, [0, 1, 2], id="alike ones together"),
        pytest.param([("a", 10)] * 5, 4, 100, [0, 1, 2, 3], id="no more than max_items"),
        pytest.param([("a", 40)] * 4, 4, 100, [0, 1], id="no more than max_pixels"),
        pytest.param([("a", 50)] * 3, 4, 100, [0, 1], id="exactly max_pixels fits"),
        pytest.param([("a", 10), ("b", 10), ("a", 10)], 4, 100, [0, 2], id="others are passed over"),
        pytest.param([("b", 10), ("a", 10), ("a", 10)], 4, 100, [0], id="the oldest decides the key"),
        pytest.param([("a", 500), ("a", 10)], 4, 100, [0], id="too large goes alone"),
        pytest.param(
            [("a", 60), ("a", 60), ("a", 10)], 4, 100, [0], id="none overtakes one that did not fit"
        ),
        pytest.param([("a", 10)] * 3, 1, 100, [0], id="one at a time"),
    ],
)
def test_next_chunk(
    waiting: Sequence[tuple[str, int]], max_items: int, max_pixels: int, expected: list[int]
) -> None:
    pending = [Pending(key, pixels) for key, pixels in waiting]
    assert next_chunk(pending, max_items=max_items, max_pixels=max_pixels) == expected


@given(
    waiting=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 120)), max_size=20),
    max_items=st.integers(1, 6),
)
def test_taking_chunk_after_chunk_takes_each_item_once_and_keeps_the_order_of_a_key(
    waiting: list[tuple[str, int]], max_items: int
) -> None:
    left = [(Pending(key, pixels), number) for number, (key, pixels) in enumerate(waiting)]
    taken: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    while left:
        chunk = next_chunk([item for item, _ in left], max_items=max_items, max_pixels=100)
        items = [left[position][0] for position in chunk]
        assert chunk[0] == 0
        assert len(chunk) <= max_items
        assert len(chunk) == 1 or sum(item.pixels for item in items) <= 100
        assert {item.key for item in items} == {left[0][0].key}
        taken[str(items[0].key)] += [left[position][1] for position in chunk]
        left = [entry for position, entry in enumerate(left) if position not in chunk]
    for key, numbers in taken.items():
        assert numbers == [number for number, (owner, _) in enumerate(waiting) if owner == key]
