"""The training pictures, decoded once into one file.

Decoding costs as much as a training step does, and mosaics look at each picture many times. The file is
mapped into memory, so that its pages are shared with whatever else trains on them.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Packed:
    """Where a picture lies in the file."""

    name: str
    offset: int
    height: int
    width: int


class PackedPictures:
    """RGB pictures by their position. Safe to use from several threads."""

    def __init__(self, entries: Sequence[Packed], pixels: NDArray[np.uint8]) -> None:
        self._entries = entries
        self._pixels = pixels

    @property
    def names(self) -> list[str]:
        """File names, in order."""
        return [entry.name for entry in self._entries]

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, position: int) -> Pixels:
        """(height, width, 3), not to be written to."""
        entry = self._entries[position]
        end = entry.offset + entry.height * entry.width * 3
        return self._pixels[entry.offset : end].reshape(entry.height, entry.width, 3)


def pack(folder: Path, *, cache: Path) -> PackedPictures:
    """Every .jpg of `folder`, in the order of names. What `cache` holds already is taken as it is, if it was
    made of the same names and sizes."""
    paths = sorted(folder.glob("*.jpg"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no .jpg pictures")
    cache.mkdir(parents=True, exist_ok=True)
    pixels_path, index_path = cache / "pixels.bin", cache / "index.json"
    made_of = [[path.name, path.stat().st_size] for path in paths]
    index = json.loads(index_path.read_text()) if index_path.exists() else {}
    if index.get("made_of") != made_of:
        index_path.unlink(missing_ok=True)  # an index stands for a whole file
        pixels_path.unlink(missing_ok=True)  # who has the old one mapped keeps it
        index = {"made_of": made_of, "pictures": list(_write(paths, pixels_path))}
        half = index_path.with_suffix(".half")
        half.write_text(json.dumps(index))
        half.replace(index_path)
    entries = [Packed(*row) for row in index["pictures"]]
    return PackedPictures(entries, np.memmap(pixels_path, np.uint8, mode="r"))


def _write(paths: Sequence[Path], target: Path) -> Iterator[tuple[str, int, int, int]]:
    offset = 0
    with target.open("wb") as file:
        for path in paths:
            decoded = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
            if decoded is None:
                raise ValueError(f"{path} is no picture")
            height, width = decoded.shape[:2]
            yield path.name, offset, height, width
            offset += file.write(decoded.tobytes())
