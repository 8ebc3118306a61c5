"""What is known of the training pictures, and what is not.

A source labels some classes and leaves others out. A bicycle in a picture whose source labels none must not
be taught as background, so each picture carries a bit for every class that its source labels.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = ("car", "truck", "bus", "motorcycle", "bicycle", "other_vehicle")
ALL_KNOWN = (1 << len(CLASSES)) - 1
# A vehicle, but nobody says which: neither right nor wrong whatever is found there.
UNTYPED = -1
# The numbers of the label files.
_FILE_CLASSES = {0: 0, 2: 1, 3: 2, 4: 3, 5: 4, 7: 5, 8: UNTYPED}


@dataclass(frozen=True, slots=True)
class Source:
    """Where pictures came from: what their labels leave out, how often one is drawn, and one in how many is
    kept for validation."""

    unlabelled: tuple[str, ...]
    share: float
    validation_every: int


# By how a picture's name begins. openimages is the only one from all over the world, and nearest to what the
# house will see: by numbers alone it would be drawn once in 26 times. Bursts of bdroad lie on both sides of
# the split, so its part of the validation says little.
SOURCES = {
    "nepal": Source(("bicycle",), share=0.42, validation_every=30),
    "bdroad": Source((), share=0.30, validation_every=30),
    "openimages": Source(("bicycle", "other_vehicle"), share=0.28, validation_every=6),
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture: boxes (n, 4) as x0, y0, x1, y1 in parts of its sides, a class for each, and which classes
    its source labels, as bits."""

    name: str
    source: str
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    known: int

    @property
    def is_for_validation(self) -> bool:
        digest = hashlib.sha256(self.name.encode()).digest()
        return int.from_bytes(digest[:4], "big") % SOURCES[self.source].validation_every == 0


def read_labels(folder: Path, names: Sequence[str]) -> list[Labelled]:
    """One for each picture's file name, in order. A missing file raises `FileNotFoundError`."""
    return [_read(folder / f"{Path(name).stem}.txt", name) for name in names]


def _read(path: Path, name: str) -> Labelled:
    source = name.split("_", 1)[0]
    if source not in SOURCES:
        raise ValueError(
            f"{name} is of no source that training/vehicles/labels.py describes: {', '.join(SOURCES)}"
        )
    lines = path.read_text().splitlines()
    rows = np.array([line.split() for line in lines if line.strip()], np.float32).reshape(-1, 5)
    centres, halves = rows[:, 1:3], rows[:, 3:5] / 2
    boxes = np.concatenate([centres - halves, centres + halves], axis=1).clip(0, 1)
    classes = np.array([_FILE_CLASSES[int(row[0])] for row in rows], np.int64)
    unknown = sum(1 << CLASSES.index(label) for label in SOURCES[source].unlabelled)
    return Labelled(name, source, boxes, classes, ALL_KNOWN & ~unknown)
