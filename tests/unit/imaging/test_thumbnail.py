import numpy as np
import pytest

from tests.unit.imaging.imaging_samples import noise, quadrants
from veilgate.domain.pictures import PictureFormat
from veilgate.imaging.picture import Picture
from veilgate.imaging.thumbnail import thumbnail, thumbnails


def _picture(size_wh: tuple[int, int]) -> Picture:
    return Picture(quadrants(size_wh), None, PictureFormat.PNG)


def test_no_sizes_no_thumbnails() -> None:
    assert thumbnails(_picture((96, 64)), []) == []


@pytest.mark.parametrize(
    ("size_wh", "expected_wh"), [((960, 640), (96, 64)), ((640, 960), (64, 96)), ((2000, 40), (96, 2))]
)
def test_the_longer_side_is_held(size_wh: tuple[int, int], expected_wh: tuple[int, int]) -> None:
    small = thumbnail(_picture(size_wh), max_side_px=96)
    assert (small.width, small.height) == expected_wh
    assert small.format is PictureFormat.JPEG


def test_a_side_never_vanishes() -> None:
    assert thumbnail(_picture((2000, 10)), max_side_px=50).height == 1


def test_small_pictures_are_not_enlarged_and_not_shared() -> None:
    picture = _picture((96, 64))
    small = thumbnail(picture, max_side_px=1000)
    small.pixels[:] = 0
    assert (small.width, small.height) == (96, 64)
    assert picture.pixels.any()


def test_areas_are_averaged() -> None:
    pixels = noise((100, 100))
    small = thumbnail(Picture(pixels, None, PictureFormat.JPEG), max_side_px=10)
    expected = pixels.reshape(10, 10, 10, 10, 3).mean(axis=(1, 3))
    assert np.abs(small.pixels - expected).max() <= 1


def test_transparency_becomes_white() -> None:
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[:, 48:] = 0
    alpha[:32, :48] = 128
    small = thumbnail(Picture(quadrants(), alpha, PictureFormat.PNG), max_side_px=96)
    assert small.alpha is None
    assert small.pixels[10, 80].tolist() == [255, 255, 255]
    assert small.pixels[50, 10].tolist() == [0, 0, 255]
    assert np.abs(small.pixels[10, 10].astype(int) - [255, 127, 127]).max() <= 1


def test_several_sizes_come_in_the_order_asked() -> None:
    sides = [small.width for small in thumbnails(_picture((960, 640)), [96, 480, 96])]
    assert sides == [96, 480, 96]
