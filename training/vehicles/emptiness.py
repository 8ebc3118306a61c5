"""Pictures without vehicles: to a network that saw nothing but streets, a cup of coffee is a car."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from bench.scenes import WITH_CARS, draw_scene
from training.pictures import PackedPictures, Pixels, pack

# Far from the numbers that the benchmark draws.
_FIRST_SCENE = 2_000_000
_SCENES = 600
_LONGEST_SIDE_PX = 416
_VERSION = 1
# What the packages bring that train. The others of scikit-image are kept to be tried out on.
_OF_SKIMAGE = (
    *("brick.png", "camera.png", "cell.png", "coins.png", "grass.png", "gravel.png", "horse.png", "ihc.png"),
    *("hubble_deep_field.jpg", "logo.png", "moon.png", "page.png", "phantom.png", "text.png"),
)
_OF_MATPLOTLIB = "grace_hopper.jpg"


class EmptyPictures:
    """Photos and drawn scenes, as often the one as the other."""

    def __init__(self, pictures: PackedPictures) -> None:
        self._pictures = pictures
        self._scenes = [at for at, name in enumerate(pictures.names) if name.startswith("scene")]
        self._photos = [at for at, name in enumerate(pictures.names) if name.startswith("photo")]

    def one(self, rng: np.random.Generator) -> Pixels:
        return self._pictures[int(rng.choice(self._scenes if rng.random() < 0.5 else self._photos))]


def empty_pictures(*, cache: Path) -> EmptyPictures:
    """From `cache` where it has them all."""
    made_of = json.dumps([_VERSION, _SCENES, _OF_SKIMAGE, _OF_MATPLOTLIB, sorted(WITH_CARS)])
    folder = cache / f"empty-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    for path in _photos():
        _keep(folder / f"photo_{path.stem}.jpg", path)
    for number in range(_SCENES):
        _keep(folder / f"scene_{number:04d}.jpg", _FIRST_SCENE + number)
    return EmptyPictures(pack(folder, cache=folder / "packed"))


def _photos() -> list[Path]:
    found = [files("skimage") / "data" / name for name in _OF_SKIMAGE]
    found.append(files("matplotlib") / "mpl-data" / "sample_data" / _OF_MATPLOTLIB)
    return [Path(str(one)) for one in found]


def _keep(target: Path, source: Path | int) -> None:
    """A photo, or a scene by its number, made small."""
    if target.exists():
        return
    if isinstance(source, int):
        kind, pixels = draw_scene(source)
        if kind in WITH_CARS:
            return
    else:
        pixels = np.asarray(cv2.imread(str(source), cv2.IMREAD_COLOR), np.uint8)
    scale = min(1.0, _LONGEST_SIDE_PX / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    half = target.with_suffix(".half")
    half.write_bytes(cv2.imencode(".jpg", small)[1].tobytes())
    half.replace(target)
