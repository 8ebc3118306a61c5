import numpy as np
import pytest

from tests.unit.imaging.imaging_samples import noise, quadrants
from veilgate.imaging.frames import without_frame
from veilgate.imaging.likeness import LONGEST_SIDE_PX, likeness_view


@pytest.mark.parametrize(
    ("size_wh", "expected_wh"),
    [((1920, 1280), (512, 341)), ((1280, 1920), (341, 512)), ((5000, 3), (512, 1)), ((96, 64), (96, 64))],
)
def test_the_longer_side_is_held_and_nothing_is_enlarged(
    size_wh: tuple[int, int], expected_wh: tuple[int, int]
) -> None:
    view = likeness_view(quadrants(size_wh))
    assert (view.shape[1], view.shape[0]) == expected_wh
    assert max(view.shape) <= LONGEST_SIDE_PX


def test_a_view_survives_what_is_done_to_the_picture() -> None:
    pixels = quadrants((96, 64))
    view = likeness_view(pixels)
    pixels[:] = 0
    assert view.any()


def test_areas_are_averaged() -> None:
    view = likeness_view(noise((512, 512)), longest_side_px=64)
    assert view.std() < 20


def test_what_nobody_sees_does_not_count() -> None:
    """Two pictures that differ only where they are transparent have the same view: white there."""
    alpha = np.full((64, 64), 255, np.uint8)
    alpha[:, 32:] = 0
    one, other = quadrants((64, 64)), quadrants((64, 64))
    other[:, 32:] = 7
    view = likeness_view(one, alpha=alpha)
    assert np.array_equal(view, likeness_view(other, alpha=alpha))
    assert (view[:, 33:] == 255).all()


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (20, 90, 160)])
def test_a_border_is_left_out(colour: tuple[int, int, int]) -> None:
    inner = noise((100, 80))
    framed = np.full((100, 120, 3), colour, np.uint8)
    framed[10:90, 10:110] = inner
    within = without_frame(framed)
    assert within.base is framed
    assert within.shape[0] in range(74, 81)
    assert within.shape[1] in range(94, 101)


def test_an_even_sky_is_no_border() -> None:
    picture = noise((100, 80))
    picture[:30] = (250, 180, 120)
    assert without_frame(picture).shape == picture.shape


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 400), (400, 1), (3, 3), (200, 100)])
def test_a_plain_picture_is_no_border(size_wh: tuple[int, int]) -> None:
    picture = np.full((size_wh[1], size_wh[0], 3), 77, np.uint8)
    assert without_frame(picture).shape == picture.shape
