"""Synthetic pictures with known faces: real faces, pasted into real scenes without any."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from bench.detectors import ALL_CORES_F32, DetectorPlan
from bench.photos import SIZES_WH, add_noise, fill
from bench.sources import FACE_PHOTOS, Pixels, photos_bgr
from veilgate.inference.ports import Detector

Mask = NDArray[np.float32]
Box4 = tuple[float, float, float, float]

SMALLEST_PX, LARGEST_PX = 12.0, 200.0
# lfw_subset holds 25 × 25 pixels a face: enlarged further they would be no faces any more.
_LARGEST_LFW_PX = 32.0
_LFW_FACES = 100  # the other half of lfw_subset are not faces
_LFW_SHARE = 0.6  # of the small ones, so that they are not always the same few people
_SURE_SCORE = 0.6
_EMPTY_SCORE = 0.05  # a scene must have nothing that is even this much of a face
_MARGIN = 1.5  # how much of the head comes along, of the face box
_TRIES = 40
_MOST_SCENES, _MOST_LOOKED_AT = 25, 300
_NOISE_SHARE = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A cut-out: `head` is the crop, `box_xyxy` the face in it, `largest_px` how high it may be pasted."""

    head: Pixels
    box_xyxy: Box4
    largest_px: float
    is_lfw: bool

    @property
    def height_px(self) -> float:
        return self.box_xyxy[3] - self.box_xyxy[1]


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """An RGB picture and the boxes of the faces that were pasted into it."""

    pixels_rgb: Pixels
    boxes_xyxy: list[Box4]


class Composer:
    """Draws composites; the same seed and sources give the same ones."""

    def __init__(self, *, seed: int, more_scenes: Path | None) -> None:
        self._rng = np.random.default_rng(seed)
        detector = DetectorPlan(1280, _EMPTY_SCORE).faces(ALL_CORES_F32)
        self._large_faces = list(_photo_faces(detector))
        self._lfw_faces = list(_lfw_faces())
        self.scenes = _empty_scenes(detector, more_scenes)

    @property
    def people(self) -> int:
        return len(self._large_faces) + len(self._lfw_faces)

    def draw(self, number: int, *, faces: int) -> Composite:
        """Up to `faces` faces, log-uniform in height, none touching another, then saved as JPEG once."""
        rng = self._rng
        scene = fill(self.scenes[number % len(self.scenes)], SIZES_WH[number % len(SIZES_WH)], rng)
        boxes: list[Box4] = []
        heights_px = np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(LARGEST_PX), faces))
        for height_px in sorted(heights_px, reverse=True):  # the large ones need the room
            box = self._paste(scene, float(height_px), boxes)
            if box is not None:
                boxes.append(box)
        scene = cv2.addWeighted(scene, 1 - _NOISE_SHARE, add_noise(scene, rng), _NOISE_SHARE, 0)
        quality = int(rng.integers(75, 96))
        _, data = cv2.imencode(".jpg", scene, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return Composite(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8), boxes)

    def _choose(self, height_px: float) -> Face:
        rng = self._rng
        if height_px <= _LARGEST_LFW_PX and rng.random() < _LFW_SHARE:
            return self._lfw_faces[int(rng.integers(len(self._lfw_faces)))]
        able = [face for face in self._large_faces if face.largest_px >= height_px]
        return able[int(rng.integers(len(able)))]

    def _paste(self, scene: Pixels, height_px: float, taken: Sequence[Box4]) -> Box4 | None:
        head, mask, box = _vary(self._choose(height_px), height_px, self._rng)
        height, width = head.shape[:2]
        for _ in range(_TRIES):
            left = int(self._rng.integers(0, max(1, scene.shape[1] - width)))
            top = int(self._rng.integers(0, max(1, scene.shape[0] - height)))
            placed = (left + box[0], top + box[1], left + box[2], top + box[3])
            if not any(_near(placed, other) for other in taken):
                region = scene[top : top + height, left : left + width]
                region[:] = (region * (1 - mask) + head[: region.shape[0], : region.shape[1]] * mask).astype(
                    np.uint8
                )
                return placed
        return None


def _photo_faces(detector: Detector) -> list[Face]:
    """The faces that CenterFace is sure of in photos with people; its boxes are the truth."""
    faces = []
    for name in FACE_PHOTOS:
        pixels = photos_bgr().get(name)
        if pixels is None:
            continue
        rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        for found in detector.detect([rgb], [_SURE_SCORE])[0]:
            x1, y1, x2, y2 = found.box.x1, found.box.y1, found.box.x2, found.box.y2
            pad_x, pad_y = (x2 - x1) * (_MARGIN - 1) / 2, (y2 - y1) * (_MARGIN - 1) / 2
            left, top = max(0, int(x1 - pad_x)), max(0, int(y1 - pad_y))
            head = pixels[top : int(y2 + pad_y), left : int(x2 + pad_x)]
            # Enlarging a little is what cameras do too; much would make an easy, smooth face.
            faces.append(
                Face(head, (x1 - left, y1 - top, x2 - left, y2 - top), 1.6 * (y2 - y1), is_lfw=False)
            )
    # The largest must be able to fill the top bin.
    assert any(face.largest_px >= LARGEST_PX for face in faces), "no photo has a face large enough"
    return faces


def _lfw_faces() -> list[Face]:
    """Grey faces of 25 × 25 pixels, which the crop fills."""
    grey = (skimage.data.lfw_subset()[:_LFW_FACES] * 255).clip(0, 255).astype(np.uint8)
    return [
        Face(cv2.cvtColor(face, cv2.COLOR_GRAY2BGR), (2.0, 0.0, 23.0, 25.0), _LARGEST_LFW_PX, is_lfw=True)
        for face in grey
    ]


def _empty_scenes(detector: Detector, folder: Path | None) -> list[Pixels]:
    """Photos in which there is nothing like a face: those of the wheels, and a few of `folder`."""
    own = (pixels for name, pixels in photos_bgr().items() if name not in FACE_PHOTOS)
    more = (np.asarray(cv2.imread(str(path)), np.uint8) for path in _spread(folder))
    empty = (pixels for pixels in chain(own, more) if not _has_face(detector, pixels))
    return list(islice(empty, _MOST_SCENES))


def _spread(folder: Path | None) -> list[Path]:
    """Photos from all over the folder, because neighbours are alike."""
    paths = sorted(folder.glob("*.jpg")) if folder else []
    return paths[:: max(1, len(paths) // _MOST_LOOKED_AT)]


def _has_face(detector: Detector, pixels: Pixels) -> bool:
    return bool(detector.detect([cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)], [_EMPTY_SCORE])[0])


def _vary(face: Face, height_px: float, rng: np.random.Generator) -> tuple[Pixels, Mask, Box4]:
    """The head at its size, its soft mask (H, W, 1) in 0..1, and the face's box in it."""
    factor = height_px / face.height_px
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    head = cv2.resize(face.head, None, fx=factor, fy=factor, interpolation=method)
    height, width = head.shape[:2]
    x1, y1, x2, y2 = (value * factor for value in face.box_xyxy)
    box = (x1, y1, x2, y2)
    if rng.random() < 0.5:
        head, box = cv2.flip(head, 1), (width - x2, y1, width - x1, y2)
    if face.is_lfw:  # a grey face in a coloured scene would be no test; BGR of lit skin
        head = (head * rng.uniform((0.55, 0.68, 0.88), (0.75, 0.85, 1.0))).astype(np.uint8)
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    turn = cv2.getRotationMatrix2D(centre, rng.uniform(-20, 20), 1)
    head = cv2.warpAffine(head, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    head = cv2.convertScaleAbs(head, alpha=rng.uniform(0.65, 1.2), beta=rng.uniform(-25, 25))
    if rng.random() < 0.5:
        head = cv2.GaussianBlur(head, (0, 0), rng.uniform(0.3, 0.3 + 0.02 * height_px))
    return np.asarray(head, np.uint8), _soft_ellipse(width, height), box


def _soft_ellipse(width: int, height: int) -> Mask:
    """1 within, 0 at the edge of the crop; the last sixth fades."""
    across = (np.arange(width) + 0.5) / width * 2 - 1
    down = (np.arange(height) + 0.5) / height * 2 - 1
    radius = np.sqrt(across[None, :] ** 2 + down[:, None] ** 2)
    return np.asarray(np.clip((1 - radius) * 6, 0, 1)[:, :, None], np.float32)


def _near(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two faces would come closer than half the larger one."""
    gap = max(one[3] - one[1], other[3] - other[1]) / 2
    return (
        one[0] < other[2] + gap
        and other[0] < one[2] + gap
        and one[1] < other[3] + gap
        and other[1] < one[3] + gap
    )
