"""Small labelled pictures, as the training folders hold them."""

from pathlib import Path

import cv2
import numpy as np

from training.pictures import pack
from training.vehicles.emptiness import EmptyPictures

# Of the file numbers that training knows: car, truck and a vehicle whose type nobody labelled.
CAR, TRUCK, UNTYPED = 0, 2, 8


def no_vehicles(folder: Path) -> EmptyPictures:
    """A photo and a scene, black and dark grey."""
    (folder / "empty").mkdir(exist_ok=True)
    for level, name in enumerate(("photo_0", "scene_0")):
        cv2.imwrite(str(folder / "empty" / f"{name}.jpg"), np.full((60, 80, 3), 40 * level, np.uint8))
    return EmptyPictures(pack(folder / "empty", cache=folder / "empty"))


def write_picture(folder: Path, name: str, *boxes: tuple[int, float, float, float, float]) -> None:
    """A grey picture of 128 × 96 with a white rectangle for each box: class, centre x, centre y, width and
    height in parts."""
    pixels = np.full((96, 128, 3), 90, np.uint8)
    for _, x, y, width, height in boxes:
        left, top = round((x - width / 2) * 128), round((y - height / 2) * 96)
        pixels[top : top + round(height * 96), left : left + round(width * 128)] = 255
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "images" / f"{name}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
    lines = [" ".join(map(str, box)) for box in boxes]
    (folder / "labels" / f"{name}.txt").write_text("\n".join(lines))
