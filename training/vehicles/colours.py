"""Other light, other cameras: what happens to a picture's colours and sharpness."""

import cv2
import numpy as np

from training.pictures import Pixels

Rng = np.random.Generator
# Vehicles come in any colour, but the buses of one city in one: without this a green one is a bus.
_REPAINTED_SHARE = 0.4
_LEVELS = np.arange(256, dtype=np.float32) / 255


def recoloured(pixels: Pixels, rng: Rng) -> Pixels:
    """Light, contrast, tint and saturation changed; now and then blurred, noisy, or saved badly."""
    if rng.random() < _REPAINTED_SHARE:
        pixels = _repainted(pixels, rng)
    pixels = _lit(_saturated(pixels, rng), rng)
    if rng.random() < 0.12:
        pixels = _blurred(pixels, rng)
    if rng.random() < 0.10:
        noise = rng.standard_normal(pixels.shape, dtype=np.float32) * rng.uniform(3, 16)
        pixels = (pixels + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        pixels = _saved(pixels, int(rng.integers(15, 80)))
    return np.ascontiguousarray(pixels)


def _lit(pixels: Pixels, rng: Rng) -> Pixels:
    gamma = np.exp(rng.uniform(-0.4, 0.4))
    contrast, shift = rng.uniform(0.65, 1.35), rng.uniform(-0.15, 0.15)
    tints = rng.uniform(0.9, 1.1, 3)
    curve = (_LEVELS**gamma - 0.5) * contrast + 0.5 + shift
    table = (curve[:, None] * tints[None] * 255).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, table[None]), np.uint8)


def _saturated(pixels: Pixels, rng: Rng) -> Pixels:
    share = 0.0 if rng.random() < 0.04 else rng.uniform(0.5, 1.5)
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(pixels, share, grey, 1 - share, 0), np.uint8)


def _repainted(pixels: Pixels, rng: Rng) -> Pixels:
    """All colours turned by one angle."""
    hues = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    turned = (np.arange(256) + int(rng.integers(0, 180))) % 180  # OpenCV counts a circle as 180
    hues[..., 0] = turned.astype(np.uint8)[hues[..., 0]]
    return np.asarray(cv2.cvtColor(hues, cv2.COLOR_HSV2RGB), np.uint8)


def _blurred(pixels: Pixels, rng: Rng) -> Pixels:
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.6, 1.8)), np.uint8)
    # A smaller picture, enlarged.
    height, width = pixels.shape[:2]
    scale = rng.uniform(0.35, 0.8)
    small = cv2.resize(pixels, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _saved(pixels: Pixels, quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
