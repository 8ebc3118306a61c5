"""Pictures of a very plain world: noise, with magenta faces and cyan cars that are all rectangles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COLOURS = {0: (255, 0, 255), 1: (0, 200, 255)}
NAMES = {0: "face", 1: "car"}


@dataclass(frozen=True)
class Scene:
    pixels: NDArray[np.uint8]
    classes: list[int]
    boxes_xyxy: list[tuple[int, int, int, int]]


def make_scene(random: np.random.Generator, *, width: int, height: int, most: int = 3) -> Scene:
    """1 to `most` things of 24 to 72 px that do not touch."""
    pixels = (60 + random.integers(0, 55, (height, width, 3))).astype(np.uint8)
    scene = Scene(pixels, [], [])
    for _ in range(int(random.integers(1, most + 1))):
        side_w, side_h = (int(side) for side in random.integers(24, 72, 2))
        x, y = int(random.integers(0, width - side_w)), int(random.integers(0, height - side_h))
        box = (x, y, x + side_w, y + side_h)
        if any(_touch(box, other) for other in scene.boxes_xyxy):
            continue
        kind = int(random.integers(0, 2))
        pixels[box[1] : box[3], box[0] : box[2]] = COLOURS[kind]
        scene.classes.append(kind)
        scene.boxes_xyxy.append(box)
    return scene


def _touch(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
