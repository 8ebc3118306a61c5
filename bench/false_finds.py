"""What a vehicle model finds where there is no vehicle: drawn scenes, and photos that come with scikit-image.

`python -m bench.false_finds --model vehicles-v1`. Some of the photos were learned from
(training/vehicles/emptiness.py); of the scenes none.
"""

import argparse
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.scenes import WITH_CARS, draw_scene
from config import get_config
from veilgate.wiring.named_models import open_contestant

_SCENES = 144
_ENDINGS = {".png", ".jpg"}
_WITH_VEHICLES = "motorcycle"
_LEAST_SIDE_PX = 150

Named = tuple[str, NDArray[np.uint8]]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.false_finds", description=__doc__)
    parser.add_argument("--model", required=True, help="an id of the manifest, or a file")
    detector = open_contestant(get_config(), parser.parse_args(words).model).detector
    for kind, pictures in (("drawn scenes", _scenes()), ("photos", _photos())):
        looked_at, wrong = 0, []
        for name, pixels_rgb in pictures:
            looked_at += 1
            finds = detector.detect([pixels_rgb], [detector.default_threshold])[0]
            wrong += [f"{name}: {find.label} {find.score:.2f}" for find in finds[:1]]
        print(f"{len(wrong)} of {looked_at} {kind} show a vehicle to it, and none to us", *wrong, sep="\n  ")


def _scenes() -> Iterator[Named]:
    for number in range(_SCENES):
        kind, pixels_bgr = draw_scene(number)
        if kind not in WITH_CARS:
            yield f"{kind} {number}", np.ascontiguousarray(pixels_bgr[..., ::-1])


def _photos() -> Iterator[Named]:
    for path in sorted(Path(str(files("skimage") / "data")).iterdir()):
        if path.suffix in _ENDINGS and not path.name.startswith(_WITH_VEHICLES):
            pixels_rgb = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
            if pixels_rgb is not None and min(pixels_rgb.shape[:2]) >= _LEAST_SIDE_PX:
                yield path.stem, np.asarray(pixels_rgb, np.uint8)


if __name__ == "__main__":
    main()
