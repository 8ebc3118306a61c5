"""Captions drawn once, to be laid over pictures by the thousand."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_FONTS = (
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
)
_LETTERS = list("ABCDEFGHIJKLMNOPRSTUVWYZabcdefghiklmnoprstuvwz0123456789   ")
_DRAWN_AT_PX = 384

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, eq=False)
class Captions:
    """(N, side, side) each: how much of a point the rim of the letters covers, and how much the letters."""

    rims: NDArray[np.uint8]
    inks: NDArray[np.uint8]


def draw_captions(count: int, *, side_px: int, seed: int) -> Captions:
    rng = np.random.default_rng(seed)
    drawn = [_caption(rng, side_px) for _ in range(count)]
    return Captions(np.stack([rim for rim, _ in drawn]), np.stack([ink for _, ink in drawn]))


def _caption(rng: Rng, side_px: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One to three lines, drawn in the proportions of some picture and squeezed as it would be."""
    aspect = float(rng.choice((0.75, 1.0, 1.33, 1.5, 1.78)))
    width, height = (
        round(_DRAWN_AT_PX * min(1.0, aspect)),
        round(_DRAWN_AT_PX * min(1.0, 1 / aspect)),
    )
    rim, ink = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    font, rims = int(rng.choice(_FONTS)), float(rng.choice((1.0, 2.0, 3.0)))
    for _ in range(int(rng.choice((1, 2, 2, 3)))):
        words = "".join(rng.choice(_LETTERS, int(rng.integers(4, 20))))
        wide = cv2.getTextSize(words, font, 1, 2)[0][0]
        scale = min(width / wide * rng.uniform(0.5, 0.95), height / 110)
        thick = max(1, round(scale * 2))
        at = (int(width * rng.uniform(0, 0.3)), int(height * rng.uniform(0.12, 0.98)))
        cv2.putText(rim, words, at, font, scale, 255, max(1, round(rims * thick)), cv2.LINE_AA)
        cv2.putText(ink, words, at, font, scale, 255, thick, cv2.LINE_AA)
    size = (side_px, side_px)
    rim, ink = (cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in (rim, ink))
    return np.maximum(rim, ink), np.asarray(ink)
