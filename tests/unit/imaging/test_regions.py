import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.domain.detections import Box, Detection
from veilgate.domain.options import UploadOptions
from veilgate.imaging.regions import RegionChoice, choose_regions

SIZE_WH = (200, 100)
FACE = Detection("face", 0.9, Box(20, 20, 40, 50))  # 30 of 200 px: a fraction of 0.15

corners = st.floats(-300, 500, width=32)
fractions = st.floats(0, 1)
any_boxes = st.builds(Box, corners, corners, corners, corners)
proper_boxes = st.builds(
    lambda x, y, width, height: Box(x, y, x + width, y + height),
    st.floats(0, 199),
    st.floats(0, 99),
    st.floats(0.5, 200),
    st.floats(0.5, 100),
)
detections = st.builds(Detection, st.just("face"), fractions, any_boxes)
regions = st.lists(proper_boxes, max_size=3).map(tuple)
options_of_callers = st.builds(
    lambda limits, keep, extra: UploadOptions(
        min_box_fraction=min(limits), max_box_fraction=max(limits), keep_regions=keep, extra_regions=extra
    ),
    st.tuples(fractions, fractions),
    regions,
    regions,
)


def chosen(*found: Detection, **options: object) -> RegionChoice:
    return choose_regions(found, options=UploadOptions(**options), size_wh=SIZE_WH)  # type: ignore[arg-type]


def cells_within(region: Box, box: Box, steps: int = 40) -> float:
    """The share of a box within a region, by counting points."""
    hits = 0
    for row in range(steps):
        for column in range(steps):
            x = box.x1 + (column + 0.5) / steps * box.width
            y = box.y1 + (row + 0.5) / steps * box.height
            hits += region.x1 <= x < region.x2 and region.y1 <= y < region.y2
    return hits / steps**2


@given(st.lists(detections, max_size=6))
def test_a_caller_who_asks_for_nothing_gets_everything_veiled(found: list[Detection]) -> None:
    choice = choose_regions(found, options=UploadOptions(), size_wh=SIZE_WH)
    assert choice == RegionChoice(tuple(found), (), (), ())


@given(st.lists(detections, max_size=6), options_of_callers)
def test_nothing_is_lost_or_counted_twice_and_the_order_stays(
    found: list[Detection], options: UploadOptions
) -> None:
    choice = choose_regions(found, options=options, size_wh=SIZE_WH)
    groups = (choice.veiled, choice.kept, choice.too_small, choice.too_large)
    assert sorted(map(id, (one for group in groups for one in group))) == sorted(map(id, found))
    for group in groups:
        assert list(group) == [one for one in found if any(one is member for member in group)]


@given(proper_boxes, proper_boxes)
def test_kept_means_half_of_it_lies_in_one_region(box: Box, region: Box) -> None:
    counted = cells_within(region, box)
    choice = chosen(Detection("face", 0.5, box), keep_regions=(region,))
    if counted > 0.55:
        assert choice.kept
    if counted < 0.45:
        assert choice.veiled


def test_exactly_half_is_kept_and_a_little_less_is_veiled() -> None:
    assert chosen(FACE, keep_regions=(Box(20, 20, 30, 50),)).kept == (FACE,)
    assert chosen(FACE, keep_regions=(Box(20, 20, 29.9, 50),)).veiled == (FACE,)


def test_two_regions_do_not_add_up() -> None:
    halves = (Box(20, 20, 29, 50), Box(31, 20, 40, 50))
    assert chosen(FACE, keep_regions=halves).veiled == (FACE,)


def test_a_keep_region_says_nothing_of_a_neighbour() -> None:
    neighbour = Detection("face", 0.8, Box(36, 20, 56, 50))
    choice = chosen(FACE, neighbour, keep_regions=(FACE.box,))
    assert (choice.kept, choice.veiled) == ((FACE,), (neighbour,))


@pytest.mark.parametrize(
    ("low", "high", "group"),
    [
        (0.15, 1.0, "veiled"),
        (0.16, 1.0, "too_small"),
        (0.0, 0.15, "veiled"),
        (0.0, 0.14, "too_large"),
        (0.15, 0.15, "veiled"),
    ],
)
def test_size_limits_belong_to_the_range(low: float, high: float, group: str) -> None:
    choice = chosen(FACE, min_box_fraction=low, max_box_fraction=high)
    assert getattr(choice, group) == (FACE,)


def test_the_fraction_is_of_the_longer_sides() -> None:
    upright = Detection("face", 0.9, Box(0, 0, 1, 100))
    assert chosen(upright, max_box_fraction=0.5).veiled == (upright,)
    assert chosen(upright, max_box_fraction=0.49).too_large == (upright,)


def test_a_box_larger_than_the_picture_is_as_large_as_the_picture() -> None:
    huge = Detection("face", 0.9, Box(-10, -10, 260, 130))
    assert chosen(huge, min_box_fraction=1.0).veiled == (huge,)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("corner", range(4))
def test_what_cannot_be_judged_is_never_left_alone(value: float, corner: int) -> None:
    values = [20.0, 20.0, 40.0, 50.0]
    values[corner] = value
    odd = Detection("face", 0.9, Box(*values))
    everywhere = Box(0, 0, 200, 100)
    choice = chosen(odd, min_box_fraction=0.9, max_box_fraction=0.9, keep_regions=(everywhere,))
    assert choice.veiled == (odd,)


@pytest.mark.parametrize("box", [Box(30, 30, 30, 40), Box(40, 40, 30, 30), Box(500, 500, 520, 520)])
def test_degenerate_boxes_and_those_outside_are_harmless(box: Box) -> None:
    odd = Detection("face", 0.9, box)
    assert chosen(odd, keep_regions=(Box(0, 0, 200, 100),)).veiled == (odd,)


@pytest.mark.parametrize("region", [Box(900, 900, 999, 999), Box(40, 50, 20, 20), Box(30, 30, 30, 30)])
def test_regions_that_hold_nothing_keep_nothing(region: Box) -> None:
    assert chosen(FACE, keep_regions=(region,)).veiled == (FACE,)


def test_what_is_drawn_does_not_change_what_is_chosen() -> None:
    choice = chosen(FACE, keep_regions=(FACE.box,), extra_regions=(FACE.box,))
    assert choice.kept == (FACE,)
