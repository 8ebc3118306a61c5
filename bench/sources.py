"""Real photos that come inside wheels: no network but for one wheel, which may be missing."""

import subprocess
import sys
import zipfile
from functools import lru_cache

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from bench.workplace import WORK

Pixels = NDArray[np.uint8]
FACE_PHOTOS = ("astronaut", "bus", "zidane")
_ASSETS = {"bus": "ultralytics/assets/bus.jpg", "zidane": "ultralytics/assets/zidane.jpg"}


@lru_cache(maxsize=1)
def photos_bgr() -> dict[str, Pixels]:
    """Photos by name; `bus` and `zidane` are missing where their wheel cannot be had."""
    left, right, _disparity = skimage.data.stereo_motorcycle()
    rgb = {
        "astronaut": skimage.data.astronaut(),
        "chelsea": skimage.data.chelsea(),
        "coffee": skimage.data.coffee(),
        "rocket": skimage.data.rocket(),
        "motorcycle_left": left,
        "motorcycle_right": right,
    }
    bgr = {
        name: cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR) for name, pixels in rgb.items()
    }
    return bgr | _wheel_photos()


def _wheel_photos() -> dict[str, Pixels]:
    folder = WORK / "wheels"
    if not any(folder.glob("ultralytics-*.whl")):
        words = ("pip", "download", "ultralytics", "--no-deps", "--quiet", "--dest", str(folder))
        if subprocess.run([sys.executable, "-m", *words], check=False).returncode != 0:
            print("going on without bus.jpg and zidane.jpg: their wheel could not be had", flush=True)
            return {}
    with zipfile.ZipFile(next(iter(folder.glob("ultralytics-*.whl")))) as wheel:
        files = {name: wheel.read(path) for name, path in _ASSETS.items()}
    return {
        name: np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        for name, data in files.items()
    }
