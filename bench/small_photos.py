"""JPEGs of 100 kB, as a phone's web upload has them."""

import cv2
import numpy as np

BYTES = 100_000
_SIZE_WH = (1024, 768)
_CLOSE_ENOUGH = 0.03


def small_jpegs(count: int) -> tuple[bytes, ...]:
    """Pictures with shapes, shades and grain, all different, each within 3 % of 100 kB."""
    return tuple(_jpeg_near(BYTES, seed) for seed in range(count))


def _jpeg_near(size: int, seed: int) -> bytes:
    low, high = 0.0, 60.0
    while True:
        grain = (low + high) / 2
        jpeg = _jpeg(seed, grain)
        if abs(len(jpeg) - size) <= size * _CLOSE_ENOUGH:
            return jpeg
        low, high = (low, grain) if len(jpeg) > size else (grain, high)


def _jpeg(seed: int, grain: float) -> bytes:
    rng = np.random.default_rng(seed)
    shapes = rng.integers(0, 256, (24, 32, 3), np.uint8)
    picture = cv2.resize(shapes, _SIZE_WH, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    picture += rng.normal(0, grain, picture.shape[:2])[..., None]
    done, encoded = cv2.imencode(
        ".jpg", picture.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85]
    )
    assert done
    return encoded.tobytes()
