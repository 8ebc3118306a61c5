"""What the network is shown: pictures and mosaics, never the same twice, always the same for a seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.pictures import PackedPictures, Pixels
from training.vehicles.canvas import Canvas, Placing, Window
from training.vehicles.colours import recoloured
from training.vehicles.emptiness import EmptyPictures
from training.vehicles.labels import ALL_KNOWN, CLASSES, SOURCES, UNTYPED, Labelled
from training.vehicles.things import outline, surface

Rng = np.random.Generator

_MOSAIC_SHARE = 0.5
_SQUEEZED_SHARE = 0.15
_MOST_STRANGERS, _MOST_THINGS = 2, 3
# Of all pictures that are laid. Streets alone teach that everything large is a vehicle.
_EMPTY_SHARE = 0.15
_NO_VEHICLES = Labelled("", "", np.zeros((0, 4), np.float32), np.zeros(0, np.int64), ALL_KNOWN)
# In pixels of the packed pictures: what is smaller would be enlarged to a blur.
_LEAST_STRANGER_PX = 40


@dataclass(frozen=True, slots=True)
class Sample:
    """RGB pixels of a square; boxes (n, 4) in pixels with their classes; known classes as bits, a mark for
    each 8 × 8 pixels."""

    pixels: Pixels
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    known: NDArray[np.uint8]


class Samples:
    """Samples by their number. Safe to use from several threads."""

    def __init__(
        self, pictures: PackedPictures, labels: Sequence[Labelled], empty: EmptyPictures, *, seed: int
    ) -> None:
        self._pictures = pictures
        self._labels = labels
        self._empty = empty
        self._seed = seed
        of_source: dict[str, list[int]] = {source: [] for source in SOURCES}
        for position, labelled in enumerate(labels):
            if not labelled.is_for_validation:
                of_source[labelled.source].append(position)
        self._of_source = {source: found for source, found in of_source.items() if found}
        shares = np.array([SOURCES[source].share for source in self._of_source])
        self._shares = shares / shares.sum()
        self._vehicles = [found for found in self._large_vehicles() if found]

    def _large_vehicles(self) -> list[list[tuple[int, int]]]:
        """By class, of the pictures that are drawn: positions of pictures, and of boxes in them."""
        of_class: list[list[tuple[int, int]]] = [[] for _ in CLASSES]
        for position in (one for found in self._of_source.values() for one in found):
            height, width = self._pictures[position].shape[:2]
            labelled = self._labels[position]
            sides = (labelled.boxes[:, 2:] - labelled.boxes[:, :2]) * (width, height)
            for box in np.flatnonzero(
                (sides.max(axis=1) >= _LEAST_STRANGER_PX) & (labelled.classes != UNTYPED)
            ):
                of_class[labelled.classes[box]].append((position, int(box)))
        return of_class

    def sample(self, number: int, *, side_px: int, mosaics: bool = True) -> Sample:
        rng = np.random.default_rng((self._seed, number))
        canvas = Canvas(side_px)
        if mosaics and rng.random() < _MOSAIC_SHARE:
            self._lay_four(canvas, rng)
        else:
            whole = (0, 0, side_px, side_px)
            self._lay(canvas, whole, longest_px=side_px * _log_uniform(rng, 0.7, 1.6), rng=rng)
        self._lay_things(canvas, rng)
        if mosaics:
            self._lay_strangers(canvas, rng)
        return Sample(
            recoloured(canvas.pixels, rng),
            np.concatenate([np.zeros((0, 4), np.float32), *canvas.boxes]),
            np.concatenate([np.zeros(0, np.int64), *canvas.classes]),
            canvas.known,
        )

    def _lay_four(self, canvas: Canvas, rng: Rng) -> None:
        side = canvas.side_px
        x, y = (int(side * rng.uniform(0.3, 0.7)) for _ in range(2))
        for window in ((0, 0, x, y), (x, 0, side, y), (0, y, x, side), (x, y, side, side)):
            self._lay(canvas, window, longest_px=side * _log_uniform(rng, 0.35, 1.2), rng=rng)

    def _lay_strangers(self, canvas: Canvas, rng: Rng) -> None:
        """Vehicles, with a little around them, where they do not belong: what a vehicle is must not be told
        by the street that it stands in. All classes alike often, so that the rare ones are seen."""
        most = _MOST_STRANGERS if self._vehicles else 0
        for _ in range(int(rng.integers(0, most + 1))):
            of_class = self._vehicles[int(rng.integers(len(self._vehicles)))]
            position, box = of_class[int(rng.integers(len(of_class)))]
            x0, y0, x1, y1 = self._labels[position].boxes[box]
            height, width = self._pictures[position].shape[:2]
            margin, longest_px = rng.uniform(0.02, 0.25), canvas.side_px * _log_uniform(rng, 0.15, 0.6)
            scale = longest_px / max((x1 - x0) * width, (y1 - y0) * height)
            wide, high = width * scale * _log_uniform(rng, 0.8, 1.25), height * scale
            box_wh = (x1 - x0) * wide, (y1 - y0) * high
            left = _somewhere(box_wh[0], 0, canvas.side_px, rng)
            top = _somewhere(box_wh[1], 0, canvas.side_px, rng)
            mirrored = rng.random() < 0.5
            corner = left - (1 - x1 if mirrored else x0) * wide, top - y0 * high
            window = (
                max(0, int(left - margin * box_wh[0])),
                max(0, int(top - margin * box_wh[1])),
                min(canvas.side_px, int(left + (1 + margin) * box_wh[0])),
                min(canvas.side_px, int(top + (1 + margin) * box_wh[1])),
            )
            placing = Placing((wide, high), corner, window, mirrored)
            canvas.lay(self._pictures[position], self._labels[position], placing)

    def _lay_things(self, canvas: Canvas, rng: Rng) -> None:
        """Small ones hide a part of a vehicle, as posts and heads do; large ones look like one."""
        for _ in range(int(rng.integers(0, _MOST_THINGS + 1))):
            longest = 0.6 if rng.random() < 0.25 else 0.2
            wide, high = (int(canvas.side_px * _log_uniform(rng, 0.03, longest)) for _ in range(2))
            corner = int(rng.integers(0, canvas.side_px - wide)), int(rng.integers(0, canvas.side_px - high))
            canvas.cover(corner, surface((wide, high), self._empty.one(rng), rng), outline((wide, high), rng))

    def _any(self, rng: Rng) -> tuple[Pixels, Labelled]:
        if rng.random() < _EMPTY_SHARE:
            return self._empty.one(rng), _NO_VEHICLES
        source = rng.choice(len(self._shares), p=self._shares)
        position = int(rng.choice(list(self._of_source.values())[source]))
        return self._pictures[position], self._labels[position]

    def _lay(self, canvas: Canvas, window: Window, *, longest_px: float, rng: Rng) -> None:
        pixels, labelled = self._any(rng)
        height, width = pixels.shape[:2]
        ratio = 1.0 if rng.random() < _SQUEEZED_SHARE else width / height
        ratio *= _log_uniform(rng, 0.75, 1.33)
        size_wh = (longest_px, longest_px / ratio) if ratio > 1 else (longest_px * ratio, longest_px)
        corner = (
            _somewhere(size_wh[0], window[0], window[2], rng),
            _somewhere(size_wh[1], window[1], window[3], rng),
        )
        canvas.lay(pixels, labelled, Placing(size_wh, corner, window, rng.random() < 0.5))


def _somewhere(length: float, start: int, end: int, rng: Rng) -> float:
    """Where a picture begins: what is shorter than the window lies wholly in it, what is longer covers it."""
    rest = end - start - length
    return start + rest * rng.random()


def _log_uniform(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
