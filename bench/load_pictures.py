"""`python bench/load_pictures.py FOLDER [--size 4000x3000] [--count 8]`: pictures for load tests.

Streets that are drawn, never photographed: houses, people whose heads CenterFace takes for faces, and the
grain of a sensor, which gives the files the size that photos have. Those of load-tests/pictures were made so.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_QUALITY = 85
_GRAIN = 6.0
_PEOPLE = 3

Pixels = NDArray[np.uint8]


def draw(seed: int, size_wh: tuple[int, int]) -> Pixels:
    """A street as wide as asked for, the same for the same seed."""
    rng = np.random.default_rng(seed)
    width, height = size_wh
    sky = np.linspace(rng.integers(150, 255, 3), rng.integers(90, 200, 3), height)
    picture = np.repeat(sky[:, None], width, axis=1).astype(np.uint8)
    for left in range(0, width, width // 6):
        _draw_house(picture, rng, left)
    cv2.rectangle(picture, (0, height * 4 // 5), (width, height), _shade(rng, 60, 110), cv2.FILLED)
    for place in range(_PEOPLE):
        _draw_person(picture, rng, width * (2 * place + 1) // (2 * _PEOPLE))
    grain = rng.normal(0, _GRAIN, picture.shape[:2])[..., None]
    return (picture + grain).clip(0, 255).astype(np.uint8)


def jpeg(pixels: Pixels) -> bytes:
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done
    return encoded.tobytes()


def _draw_house(picture: Pixels, rng: np.random.Generator, left: int) -> None:
    height, width = picture.shape[:2]
    right, top = left + width // 6, int(height * rng.uniform(0.1, 0.5))
    cv2.rectangle(picture, (left, top), (right, height), _shade(rng, 60, 200), cv2.FILLED)
    pane, window = width // 48, _shade(rng, 20, 90)
    for y in range(top + pane, height * 3 // 4, pane * 3):
        for x in range(left + pane, right - pane, pane * 2):
            cv2.rectangle(picture, (x, y), (x + pane, y + pane * 2), window, cv2.FILLED)


def _draw_person(picture: Pixels, rng: np.random.Generator, x: int) -> None:
    """Shoulders, a head with the light from one side, hair, brows, eyes, a nose and a mouth."""
    height = picture.shape[0]
    head = int(height * rng.uniform(0.05, 0.09))
    y = int(height * rng.uniform(0.45, 0.6))
    skin = np.add(_shade(rng, 110, 150), (0, 25, 60))
    cv2.ellipse(
        picture, (x, y + 4 * head), (2 * head, 3 * head), 0, 180, 360, _shade(rng, 20, 200), cv2.FILLED
    )
    cv2.ellipse(picture, (x, y - head // 3), (head, int(head * 1.25)), 0, 0, 360, (25, 35, 50), cv2.FILLED)
    for part in range(8):
        shade = tuple(int(tone) for tone in (skin * (0.75 + 0.04 * part)).clip(0, 255))
        axes = (int(head * (0.85 - 0.04 * part)), int(head * (1.15 - 0.05 * part)))
        cv2.ellipse(picture, (x + part * head // 40, y), axes, 0, 0, 360, shade, cv2.FILLED)
    dark = tuple(int(tone * 0.3) for tone in skin)
    red = tuple(int(tone) for tone in (skin * (0.6, 0.55, 0.85)).clip(0, 255))
    for side in (-1, 1):
        eye = (x + side * head * 2 // 5, y - head // 6)
        cv2.ellipse(picture, eye, (head // 6, head // 11), 0, 0, 360, (235, 235, 235), cv2.FILLED)
        cv2.circle(picture, eye, head // 11, (30, 30, 30), cv2.FILLED)
        brow = (eye[0], eye[1] - head // 5)
        cv2.ellipse(picture, brow, (head // 4, head // 14), 0, 180, 360, dark, max(1, head // 14))
    cv2.ellipse(picture, (x, y + head // 4), (head // 7, head // 10), 0, 0, 180, dark, max(1, head // 16))
    cv2.ellipse(picture, (x, y + head * 3 // 5), (head // 3, head // 9), 0, 0, 360, red, cv2.FILLED)


def _shade(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    blue, green, red = (int(tone) for tone in rng.integers(low, high, 3))
    return blue, green, red


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", default="640x480", help="width and height in pixels")
    parser.add_argument("--count", type=int, default=8)
    asked = parser.parse_args()
    width, height = (int(side) for side in asked.size.split("x"))
    asked.folder.mkdir(parents=True, exist_ok=True)
    for seed in range(asked.count):
        path = asked.folder / f"street-{seed + 1}.jpg"
        path.write_bytes(jpeg(draw(seed, (width, height))))
        print(path)


if __name__ == "__main__":
    main()
