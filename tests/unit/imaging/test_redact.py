import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.imaging.imaging_samples import noise
from veilgate.domain.detections import Box
from veilgate.domain.redaction import BlurStyle, MaskShape, RedactionPolicy
from veilgate.imaging.boxes import pad_box
from veilgate.imaging.redact import REDACTORS, veil_into

SIZE_WH = (90, 70)
POLICIES = [RedactionPolicy(shape=shape, mask_scale=scale) for shape in MaskShape for scale in (1.0, 1.5)]

sides = st.floats(0.1, 120)
corners = st.floats(-60, 110)
boxes = st.builds(
    lambda x, y, width, height: Box(x, y, x + width, y + height), corners, corners, sides, sides
)


def _veiled(original: NDArray[np.uint8], found: list[Box], policy: RedactionPolicy) -> NDArray[np.uint8]:
    copy = original.copy()
    veil_into(copy, found, policy)
    return copy


def _covered(padded: Box, shape: MaskShape) -> NDArray[np.bool_]:
    """The mask, pixel by pixel, from its definition."""
    covered = np.zeros((SIZE_WH[1], SIZE_WH[0]), bool)
    if padded.width <= 0 or padded.height <= 0:
        return covered
    if shape is MaskShape.BOX:
        covered[int(padded.y1) : int(padded.y2), int(padded.x1) : int(padded.x2)] = True
        return covered
    y, x = np.mgrid[0 : SIZE_WH[1], 0 : SIZE_WH[0]] + 0.5
    across = (x - (padded.x1 + padded.x2) / 2) / (padded.width / 2)
    down = (y - (padded.y1 + padded.y2) / 2) / (padded.height / 2)
    return np.asarray(across**2 + down**2 <= 2 + 1e-9)


def _tile_colours(
    original: NDArray[np.uint8], padded: Box, policy: RedactionPolicy
) -> dict[tuple[int, int], NDArray[np.uint8]]:
    """For a box mask: the colour of every pixel's tile, computed one tile at a time."""
    tile = max(8, int(np.ceil(max(padded.width, padded.height) / policy.mosaic_tiles)))
    x1, y1, x2, y2 = (int(value) for value in (padded.x1, padded.y1, padded.x2, padded.y2))
    colours = {}
    for top in range(y1, y2, tile):
        for left in range(x1, x2, tile):
            part = original[top : min(top + tile, y2), left : min(left + tile, x2)].reshape(-1, 3)
            colours[top, left] = (part.mean(axis=0).astype(np.uint8) // 16 * 16 + 8).astype(np.uint8)
    return colours


def test_no_boxes_change_nothing() -> None:
    original = noise(SIZE_WH)
    copy = original.copy()
    assert veil_into(copy, [], RedactionPolicy()) == []
    assert np.array_equal(copy, original)


def test_every_style_has_a_redactor() -> None:
    assert set(REDACTORS) == set(BlurStyle)


@settings(max_examples=60, deadline=None)
@given(boxes, st.sampled_from([1.0, 1.3]))
def test_every_pixel_of_the_padded_box_has_its_tile_colour(box: Box, scale: float) -> None:
    original, policy = noise(SIZE_WH), RedactionPolicy(shape=MaskShape.BOX, mask_scale=scale)
    copy = original.copy()
    [padded] = veil_into(copy, [box], policy)
    tile = max(8, int(np.ceil(max(padded.width, padded.height) / policy.mosaic_tiles)))
    for (top, left), colour in _tile_colours(original, padded, policy).items():
        part = copy[top : min(top + tile, int(padded.y2)), left : min(left + tile, int(padded.x2))]
        assert (part == colour).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(boxes, max_size=4), st.sampled_from(POLICIES))
def test_the_masks_are_covered_and_nothing_else_changes(found: list[Box], policy: RedactionPolicy) -> None:
    original = noise(SIZE_WH)
    copy = original.copy()
    padded_boxes = veil_into(copy, found, policy)
    assert padded_boxes == [pad_box(box, policy.mask_scale, SIZE_WH) for box in found]
    covered = np.zeros((SIZE_WH[1], SIZE_WH[0]), bool)
    for padded in padded_boxes:
        covered |= _covered(padded, policy.shape)
        # Whatever the shape, all of the padded box is veiled: only tile colours are left (8 modulo 16).
        inside = copy[int(padded.y1) : int(padded.y2), int(padded.x1) : int(padded.x2)]
        assert (inside % 16 == 8).all()
    assert np.array_equal(copy[~covered], original[~covered])
    assert (copy[covered] % 16 == 8).all()


@pytest.mark.parametrize("shape", MaskShape)
def test_the_whole_picture_to_its_last_row_and_column(shape: MaskShape) -> None:
    original = noise(SIZE_WH)
    copy = _veiled(original, [Box(0, 0, *SIZE_WH)], RedactionPolicy(shape=shape, mask_scale=1.0))
    assert (copy % 16 == 8).all()
    assert len(np.unique(copy.reshape(-1, 3), axis=0)) <= 6 * 6


@pytest.mark.parametrize("shape", MaskShape)
@pytest.mark.parametrize("corner", [(0, 0), (89, 0), (0, 69), (89, 69)])
def test_one_pixel_in_a_corner(shape: MaskShape, corner: tuple[int, int]) -> None:
    original, (x, y) = noise(SIZE_WH), corner
    copy = _veiled(original, [Box(x, y, x + 1, y + 1)], RedactionPolicy(shape=shape, mask_scale=1.0))
    changed = np.argwhere((copy != original).any(axis=2))
    assert changed.tolist() == [[y, x]]


def test_boxes_outside_come_back_empty_and_change_nothing() -> None:
    original = noise(SIZE_WH)
    copy = original.copy()
    [padded] = veil_into(copy, [Box(500, 500, 520, 520)], RedactionPolicy())
    assert padded.width * padded.height == 0
    assert np.array_equal(copy, original)


def test_at_most_so_many_tiles_lie_along_a_face() -> None:
    copy = _veiled(noise((600, 400)), [Box(100, 50, 400, 250)], RedactionPolicy(mask_scale=1.0))
    row = copy[150, 100:400]
    assert 1 + int((row[1:] != row[:-1]).any(axis=1).sum()) <= 6


@settings(max_examples=30, deadline=None)
@given(st.lists(boxes, min_size=2, max_size=4))
def test_the_order_of_boxes_does_not_change_what_is_covered(found: list[Box]) -> None:
    original, policy = noise(SIZE_WH), RedactionPolicy()
    forward, backward = _veiled(original, found, policy), _veiled(original, found[::-1], policy)
    untouched = (forward == original).all(axis=2)
    # Noise may equal a tile colour by chance, but then it looks like one.
    differs = untouched != (backward == original).all(axis=2)
    assert (forward[differs] % 16 == 8).all()
    assert (backward[differs] % 16 == 8).all()


def test_veiling_twice_gives_the_same_bytes() -> None:
    found = [Box(5, 5, 40, 50), Box(30, 20, 80, 60)]
    assert np.array_equal(
        _veiled(noise(SIZE_WH), found, RedactionPolicy()), _veiled(noise(SIZE_WH), found, RedactionPolicy())
    )


def test_three_thousand_faces_take_no_time() -> None:
    pixels = noise((2000, 1500))
    places = np.random.default_rng(1).uniform(0, 1450, (3000, 2))
    found = [Box(x, y, x + 30, y + 40) for x, y in places]
    began = time.process_time()
    veil_into(pixels, found, RedactionPolicy())
    # Measured 0.25 s.
    assert time.process_time() - began < 2
