"""Pictures made small once, so that a step of the training reads and decodes nothing."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.scenes import draw_scene
from training.likeness.packed import PackedPictures
from veilgate.imaging.likeness import likeness_view
from veilgate.imaging.resample import resize, use_calling_thread_only
from veilgate.inference.embedders.descriptor import Descriptor

# More than the networks see, so that a part of a picture still has something to show.
SIDE_PX = 192
# Far from the numbers that the benchmark draws: nothing measured was trained on.
FIRST_SCENE = 1_000_000
_VERSION = 1


@dataclass(frozen=True, slots=True)
class _Source:
    """A photo, or a scene by its number."""

    photo: Path | None
    scene: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Packed:
    """Named by its file, or by its kind and number."""

    name: str
    pixels: NDArray[np.uint8]
    aspect: float
    signs: NDArray[np.float32]


def packed_pictures(folder: Path, *, scenes: int, cache: Path) -> PackedPictures:
    """The JPEG photos below `folder`, by name, then `scenes` drawn ones, each named by its kind and number;
    from `cache` when it has them."""
    photos = sorted(folder.rglob("*.jpg"), key=lambda path: path.name)
    if not photos:
        raise FileNotFoundError(f"{folder} holds no .jpg pictures")
    sources = [_Source(path) for path in photos]
    sources += [_Source(None, FIRST_SCENE + number) for number in range(scenes)]
    entry = cache / f"likeness-{_key(photos, scenes)}"
    if not (entry / "names.json").exists():
        _pack(sources, entry)
    names = json.loads((entry / "names.json").read_text())
    parts = (np.load(entry / f"{part}.npy", mmap_mode="r") for part in ("pixels", "aspects", "signs"))
    return PackedPictures(tuple(names), *parts)


def _key(photos: Sequence[Path], scenes: int) -> str:
    told = [(path.name, path.stat().st_size) for path in photos]
    return hashlib.sha256(json.dumps([_VERSION, SIDE_PX, scenes, told]).encode()).hexdigest()[:16]


def _pack(sources: Sequence[_Source], entry: Path) -> None:
    """The names come last: what a kill leaves has none, and is made anew."""
    entry.mkdir(parents=True, exist_ok=True)
    count = len(sources)
    shapes = {"pixels": (count, SIDE_PX, SIDE_PX, 3), "aspects": (count,), "signs": (count, 2, 512)}
    arrays = {
        name: np.lib.format.open_memmap(
            entry / f"{name}.npy", "w+", np.uint8 if name == "pixels" else np.float32, shape
        )
        for name, shape in shapes.items()
    }
    names = []
    for row, one in enumerate(_in_processes(sources)):
        names.append(one.name)
        arrays["pixels"][row], arrays["aspects"][row] = one.pixels, one.aspect
        arrays["signs"][row] = one.signs
    for array in arrays.values():
        array.flush()
    temporary = entry / "names.part"
    temporary.write_text(json.dumps(names))
    temporary.rename(entry / "names.json")


def _in_processes(sources: Sequence[_Source]) -> Iterator[_Packed]:
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), initializer=use_calling_thread_only) as pool:
        yield from pool.map(_packed, sources, chunksize=16)


@lru_cache(maxsize=1)
def _descriptor() -> Descriptor:
    return Descriptor()


def _packed(source: _Source) -> _Packed:
    if source.photo is None:
        kind, bgr = draw_scene(source.scene)
        name = f"{kind} {source.scene}"
    else:
        name = source.photo.name
        bgr = np.asarray(cv2.imread(str(source.photo)), np.uint8)
    view = likeness_view(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
    signs = np.zeros((2, 512), np.float32)
    if source.photo is not None:
        signs[:] = _descriptor().embed([view, np.ascontiguousarray(view[:, ::-1])])
    height, width = view.shape[:2]
    return _Packed(name, np.asarray(resize(view, (SIDE_PX, SIDE_PX)), np.uint8), width / height, signs)
