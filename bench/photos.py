"""The photos that every contestant is given: 1 to 12 megapixels, made from real ones, each different."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from bench.sources import Pixels, photos_bgr
from bench.workplace import WORK

# Sizes of phones and cameras; any run of twelve photos has each once, 5.7 MP on average.
SIZES_WH = (
    (1280, 800),
    (4000, 3000),
    (1536, 2048),
    (1920, 1080),
    (3264, 2448),
    (1152, 1536),
    (2592, 1944),
    (3000, 4000),
    (2400, 1600),
    (4032, 2268),
    (2448, 3264),
    (1600, 1200),
)
_RECIPE = 1  # raise it when the code below makes other photos
_SEED = 7
_QUALITY = 90
_NOISE_SIGMA = 8.0  # gives the 2 to 3 bits a pixel of a phone's JPEG


@dataclass(frozen=True, slots=True)
class Photo:
    path: Path
    size_wh: tuple[int, int]

    @property
    def megapixels(self) -> float:
        return self.size_wh[0] * self.size_wh[1] / 1e6


def make_photos(count: int) -> list[Photo]:
    """`count` JPEG files, kept for the next run."""
    parameters = json.dumps([_RECIPE, _SEED, _QUALITY, _NOISE_SIGMA, SIZES_WH, sorted(photos_bgr())])
    folder = WORK / f"photos-{hashlib.sha256(parameters.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    photos = [Photo(folder / f"{number:04}.jpg", SIZES_WH[number % len(SIZES_WH)]) for number in range(count)]
    missing = [number for number, photo in enumerate(photos) if not photo.path.exists()]
    for number in missing:
        data = _encode(_photo(number, photos[number].size_wh))
        partial = photos[number].path.with_suffix(".part")
        partial.write_bytes(data)
        partial.rename(photos[number].path)
    return photos


def copy_into(folder: Path, photos: list[Photo]) -> None:
    """A folder with just these photos, for commands that take folders."""
    folder.mkdir(parents=True)
    for photo in photos:
        shutil.copyfile(photo.path, folder / photo.path.name)


def bits_per_pixel(photos: list[Photo]) -> float:
    return sum(photo.path.stat().st_size for photo in photos) * 8 / sum(p.megapixels * 1e6 for p in photos)


@lru_cache(maxsize=1)
def sensor_noise() -> Pixels:
    """A large tile of noise about 128; photos take it from different corners."""
    drawn = np.random.default_rng(_SEED).normal(128, _NOISE_SIGMA, (2048, 2048, 3))
    return drawn.clip(0, 255).astype(np.uint8)


def add_noise(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Noise as of a sensor: grain of about 1.5 pixels, as demosaicing leaves it."""
    height, width = pixels.shape[:2]
    top, left = (int(start) for start in rng.integers(0, 1024, 2))
    tile = np.tile(sensor_noise(), (3, 3, 1))[top : top + height, left : left + width]
    return np.asarray(cv2.addWeighted(pixels, 1, tile, 1, -128), np.uint8)


def fill(source: Pixels, size_wh: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """A random part of `source`, at least 70 % of what fits, brought to `size_wh`."""
    height, width = source.shape[:2]
    aspect = size_wh[0] / size_wh[1]
    share = rng.uniform(0.7, 1)
    crop_w, crop_h = (
        int(side * share) for side in (min(width, height * aspect), min(height, width / aspect))
    )
    left, top = int(rng.integers(0, width - crop_w + 1)), int(rng.integers(0, height - crop_h + 1))
    crop = source[top : top + crop_h, left : left + crop_w]
    return np.asarray(cv2.resize(crop, size_wh, interpolation=cv2.INTER_CUBIC), np.uint8)


def _photo(number: int, size_wh: tuple[int, int]) -> Pixels:
    rng = np.random.default_rng((_SEED, number))
    sources = list(photos_bgr().values())
    # The second term keeps a source from meeting the same size again and again.
    pixels = fill(sources[(number + number // len(SIZES_WH)) % len(sources)], size_wh, rng)
    if rng.random() < 0.5:
        pixels = cv2.flip(pixels, 1)
    pixels = cv2.convertScaleAbs(pixels, alpha=rng.uniform(0.8, 1.15), beta=rng.uniform(-12, 12))
    return add_noise(pixels, rng)


def _encode(pixels: Pixels) -> bytes:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()
