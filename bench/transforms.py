"""What happens to pictures on their way: ten ways to make a copy that is not the same file any more."""

from collections.abc import Callable

import cv2
import numpy as np

from bench.sources import Pixels
from veilgate.domain.detections import Box
from veilgate.domain.redaction import RedactionPolicy
from veilgate.imaging.redact import veil_into

Rng = np.random.Generator
VEIL_EDGES = (0.05, 0.10, 0.15, 0.20, 0.25)
_HEAD = 1.3  # its height by its width
_ELLIPSE_AROUND_BOX = np.pi / 2  # its area by that of the box


def _jpeg(pixels: Pixels, quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _resized(pixels: Pixels, scale: float) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _cropped(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """`share` of each side, so `share` squared of the area, from anywhere."""
    height, width = pixels.shape[:2]
    high, wide = int(height * share), int(width * share)
    top, left = int(rng.integers(0, height - high + 1)), int(rng.integers(0, width - wide + 1))
    return pixels[top : top + high, left : left + wide].copy()


def _turned(pixels: Pixels, rng: Rng) -> Pixels:
    """By 3 to 5 degrees to either side; the corners are black."""
    height, width = pixels.shape[:2]
    angle = rng.uniform(3, 5) * rng.choice((-1, 1))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    return np.asarray(cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_LINEAR), np.uint8)


def _lit(pixels: Pixels, rng: Rng) -> Pixels:
    """Contrast times 0.7 to 1.3, brightness up to 30 levels up or down; what leaves the range is cut."""
    contrast, shift = rng.uniform(0.7, 1.3), rng.uniform(-30, 30)
    changed = (pixels.astype(np.float32) - 128) * contrast + 128 + shift
    return changed.clip(0, 255).astype(np.uint8)


def _framed(pixels: Pixels, rng: Rng) -> Pixels:
    """A border of 4 to 12 % of the longer side: black, white or coloured; one in three has no sides."""
    edge = int(max(pixels.shape[:2]) * rng.uniform(0.04, 0.12))
    sides = 0 if rng.random() < 1 / 3 else edge
    colour = ((0, 0, 0), (255, 255, 255), tuple(map(int, rng.integers(0, 256, 3))))[int(rng.integers(3))]
    return np.asarray(cv2.copyMakeBorder(pixels, edge, edge, sides, sides, cv2.BORDER_CONSTANT, value=colour))


def _captioned(pixels: Pixels, rng: Rng) -> Pixels:
    """Two lines of white text with a black rim, over a fifth of the height."""
    height, width = pixels.shape[:2]
    pixels = pixels.copy()
    for _ in range(2):
        words = "".join(rng.choice(list("ABCDEFGHIJKLMNOPRSTUVWY "), 14))
        scale = width / cv2.getTextSize(words, cv2.FONT_HERSHEY_DUPLEX, 1, 2)[0][0] * rng.uniform(0.6, 0.95)
        thick = max(1, round(scale * 2))
        at = (int(width * rng.uniform(0, 0.2)), int(height * rng.uniform(0.12, 0.98)))
        for ink, rim in (((0, 0, 0), 3 * thick), ((255, 255, 255), thick)):
            cv2.putText(pixels, words, at, cv2.FONT_HERSHEY_DUPLEX, scale, ink, rim, cv2.LINE_AA)
    return pixels


def veiled(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """The house's mosaic over about `share` of the area, on one to four heads."""
    height, width = pixels.shape[:2]
    pixels, boxes = pixels.copy(), []
    count = int(rng.integers(1, 5))
    for _ in range(count):
        wide = (share / count * width * height / _ELLIPSE_AROUND_BOX / _HEAD) ** 0.5
        wide, high = min(wide, width), min(wide * _HEAD, height)
        placed = (_place(rng, (wide, high), (width, height)) for _ in range(60))
        boxes.append(next((box for box in placed if not any(_meet(box, other) for other in boxes)), None))
    policy = RedactionPolicy(mask_scale=1.0)
    veil_into(pixels, [box for box in boxes if box is not None], policy)
    return pixels


def _place(rng: Rng, size: tuple[float, float], within: tuple[int, int]) -> Box:
    left, top = rng.uniform(0, within[0] - size[0]), rng.uniform(0, within[1] - size[1])
    return Box(left, top, left + size[0], top + size[1])


def _meet(one: Box, other: Box | None) -> bool:
    return other is not None and (
        one.x1 < other.x2 and other.x1 < one.x2 and one.y1 < other.y2 and other.y1 < one.y2
    )


def _everything(pixels: Pixels, rng: Rng) -> Pixels:
    """Cropped to 90 %, lit, veiled by a tenth, at half the size, JPEG quality 50."""
    changed = veiled(_lit(_cropped(pixels, rng, 0.9), rng), rng, 0.10)
    return _jpeg(_resized(changed, 0.5), 50)


TRANSFORMS: dict[str, Callable[[Pixels, Rng], Pixels]] = {
    "JPEG quality 30": lambda pixels, _rng: _jpeg(pixels, 30),
    "resized to 50 %": lambda pixels, _rng: _resized(pixels, 0.5),
    "resized to 25 %": lambda pixels, _rng: _resized(pixels, 0.25),
    "cropped to 80 %": lambda pixels, rng: _cropped(pixels, rng, 0.8),
    "turned by 3 to 5°": _turned,
    "brightness and contrast": _lit,
    "border": _framed,
    "text over it": _captioned,
    "mosaic over 5 to 25 %": lambda pixels, rng: veiled(pixels, rng, rng.uniform(0.05, 0.25)),
    "all together": _everything,
}
