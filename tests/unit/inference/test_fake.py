"""The stand-in detector sees magenta, and nothing else."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from veilgate.inference.fake import MagentaDetector, find_magenta

MAGENTA = (255, 0, 255)


def grey(width: int, height: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 120, dtype=np.uint8)


def through_jpeg(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=75)
    return np.array(Image.open(file))


def test_a_rectangle_is_found_to_the_pixel() -> None:
    pixels = grey(200, 100)
    pixels[20:60, 30:90] = MAGENTA
    (found,) = find_magenta(pixels)
    assert found.box.as_list() == [30, 20, 90, 60]
    assert found.label == "face"


def test_several_are_told_apart() -> None:
    pixels = grey(200, 100)
    for top, left in ((5, 10), (60, 10), (5, 120)):
        pixels[top : top + 20, left : left + 30] = MAGENTA
    boxes = [found.box.as_list() for found in find_magenta(pixels)]
    assert boxes == [[10, 5, 40, 25], [10, 60, 40, 80], [120, 5, 150, 25]]


def test_it_survives_jpeg_and_full_size() -> None:
    pixels = grey(3000, 2000)
    pixels[400:800, 1000:1600] = MAGENTA
    (found,) = find_magenta(through_jpeg(pixels))
    assert found.box.as_list() == pytest.approx([1000, 400, 1600, 800], abs=16)


def test_nothing_is_found_where_nothing_is() -> None:
    assert find_magenta(grey(64, 64)) == []
    assert find_magenta(np.zeros((8, 8, 3), np.uint8)) == []


def test_the_threshold_counts_for_each_picture() -> None:
    detector = MagentaDetector(model_id="fake", default_threshold=0.2, delay_s=0)
    pixels = np.full((32, 32, 3), MAGENTA, dtype=np.uint8)
    found = detector.detect([pixels, pixels], [0.2, 0.999])
    assert [len(detections) for detections in found] == [1, 0]
    assert detector.input_size(3000, 2000) == (600, 400)
