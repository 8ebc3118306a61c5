"""How many known faces are found at each detector size, by their height. Synthetic: see composites.py."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.composites import Composer, Composite
from bench.detectors import ALL_CORES, ALL_CORES_F32, DetectorPlan, ModelThreads
from bench.intervals import bin_of, iou, wilson_interval
from bench.tables import markdown_table, percent
from veilgate.inference.ports import Detector
from veilgate.inference.tiling import TiledDetector

SIZES_PX = (480, 640, 800, 960, 1280, 1600)
_TILED_SIZES_PX = (640, 1280)
HEIGHT_EDGES_PX = (12, 16, 24, 32, 48, 64, 100, 200)
SEEN_EDGES_PX = (0, 4, 6, 8, 12, 16, 24, 48, 400)
MEGAPIXEL_EDGES = (0, 3, 6.5, 13)
_FACES_A_SCENE = 32
_SEED = 11
# A pasted face counts as found when a detection shares this much of the union with it; a detection that
# shares less than the second number with every face is a false one.
_HIT_IOU, _FALSE_IOU = 0.3, 0.05


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to look for faces."""

    size_px: int
    threads: ModelThreads = ALL_CORES
    is_tiled: bool = False

    @property
    def name(self) -> str:
        extra = "tiles" if self.is_tiled else self.threads.precision
        return f"{self.size_px}, {extra}" if extra else str(self.size_px)

    def open(self, threshold: float) -> Detector:
        detector = DetectorPlan(self.size_px, threshold).faces(self.threads)
        return TiledDetector(detector) if self.is_tiled else detector


# The default size once more in 32 bits, to show what the processor's own precision costs.
_VARIANTS = (
    *(Variant(size_px) for size_px in SIZES_PX),
    Variant(1280, ALL_CORES_F32),
    *(Variant(size_px, is_tiled=True) for size_px in _TILED_SIZES_PX),
)


def _no_counts(edges: Sequence[float]) -> list[list[int]]:
    return [[0, 0] for _ in edges[1:]]


@dataclass(slots=True)
class Tally:
    """What one variant made of all scenes. A count is [hits, faces]; times are [seconds, scenes]."""

    variant: Variant
    by_height: list[list[int]] = field(default_factory=lambda: _no_counts(HEIGHT_EDGES_PX))
    by_seen: list[list[int]] = field(default_factory=lambda: _no_counts(SEEN_EDGES_PX))
    by_megapixels: list[list[int]] = field(default_factory=lambda: _no_counts(MEGAPIXEL_EDGES))
    times_by_megapixels: list[list[float]] = field(
        default_factory=lambda: [[0.0, 0] for _ in MEGAPIXEL_EDGES[1:]]
    )
    false_finds: int = 0
    took_s: float = 0.0
    scenes: int = 0

    @property
    def total(self) -> tuple[int, int]:
        return sum(hits for hits, _ in self.by_height), sum(faces for _, faces in self.by_height)

    def as_dict(self) -> dict[str, Any]:
        hits, faces = self.total
        return {
            "size_px": self.variant.size_px,
            "name": self.variant.name,
            "is_tiled": self.variant.is_tiled,
            "hits": hits,
            "faces": faces,
            "interval": wilson_interval(hits, faces),
            "by_height": self.by_height,
            "by_seen": self.by_seen,
            "by_megapixels": self.by_megapixels,
            "times_by_megapixels": self.times_by_megapixels,
            "false_per_scene": self.false_finds / self.scenes,
            "ms": self.took_s / self.scenes * 1000,
        }


def measure(*, scenes: int, threshold: float, more_scenes: Path | None) -> dict[str, Any]:
    composer = Composer(seed=_SEED, more_scenes=more_scenes)
    tallies = [Tally(variant) for variant in _VARIANTS]
    detectors = [variant.open(threshold) for variant in _VARIANTS]
    for number in range(scenes):
        composite = composer.draw(number, faces=_FACES_A_SCENE)
        for detector, tally in zip(detectors, tallies, strict=True):
            _look(detector, composite, tally, threshold)
    return {
        "threshold": threshold,
        "scenes": scenes,
        "backgrounds": len(composer.scenes),
        "people": composer.people,
        "sizes": [tally.as_dict() for tally in tallies],
    }


def _look(detector: Detector, composite: Composite, tally: Tally, threshold: float) -> None:
    began_s = time.perf_counter()
    found = detector.detect([composite.pixels_rgb], [threshold])[0]
    took_s = time.perf_counter() - began_s
    tally.took_s += took_s
    tally.scenes += 1
    height_px, width_px = composite.pixels_rgb.shape[:2]
    size_bin = _bin(height_px * width_px / 1e6, MEGAPIXEL_EDGES)
    tally.times_by_megapixels[size_bin][0] += took_s
    tally.times_by_megapixels[size_bin][1] += 1
    finds = [(one.box.x1, one.box.y1, one.box.x2, one.box.y2) for one in found]
    scale = tally.variant.size_px / max(height_px, width_px)
    for face in composite.boxes_xyxy:
        is_hit = any(iou(face, find) >= _HIT_IOU for find in finds)
        face_px = face[3] - face[1]
        _count(tally.by_height, _bin(face_px, HEIGHT_EDGES_PX), is_hit)
        _count(tally.by_seen, _bin(face_px * scale, SEEN_EDGES_PX), is_hit)
        _count(tally.by_megapixels, size_bin, is_hit)
    tally.false_finds += sum(
        all(iou(face, find) < _FALSE_IOU for face in composite.boxes_xyxy) for find in finds
    )


def _bin(value: float, edges: Sequence[float]) -> int:
    index = bin_of(value, edges)
    assert index is not None
    return index


def _count(counts: list[list[int]], index: int, is_hit: bool) -> None:
    counts[index][0] += is_hit
    counts[index][1] += 1


def tables(result: dict[str, Any]) -> str:
    """Recall in percent: overall, by height in the picture, and by height as the model sees it."""
    sizes = result["sizes"]
    overall = markdown_table(
        ("detector size", "recall %", "95 % interval", "faces", "false finds a scene", "ms a picture"),
        [
            (
                size["name"],
                percent(size["hits"] / size["faces"]),
                " to ".join(map(percent, size["interval"])),
                str(size["faces"]),
                f"{size['false_per_scene']:.2f}",
                f"{size['ms']:.0f}",
            )
            for size in sizes
        ],
    )
    return "\n\n".join(
        [
            overall,
            "Recall % by height of the face in the picture (pixels):",
            _by_bin(sizes, "by_height", HEIGHT_EDGES_PX),
            "Recall % by height of the face as the model sees it (pixels):",
            _by_bin([size for size in sizes if not size["is_tiled"]], "by_seen", SEEN_EDGES_PX),
            "Recall %, and time a picture, by size of the picture (megapixels):",
            _by_megapixels(sizes),
        ]
    )


def _by_bin(sizes: list[dict[str, Any]], key: str, edges: Sequence[float]) -> str:
    heads = ["detector size", *(f"{low} to {high}" for low, high in pairwise(edges))]
    rows = [[size["name"], *(_share(*counts) for counts in size[key])] for size in sizes]
    return markdown_table(heads, rows)


def _by_megapixels(sizes: list[dict[str, Any]]) -> str:
    rows = [
        [
            size["name"],
            *(
                f"{_share(*counts)}, {took_s / scenes * 1000:.0f} ms" if scenes else "-"
                for counts, (took_s, scenes) in zip(
                    size["by_megapixels"], size["times_by_megapixels"], strict=True
                )
            ),
        ]
        for size in sizes
    ]
    return markdown_table(
        ["detector size", *(f"{low} to {high}" for low, high in pairwise(MEGAPIXEL_EDGES))], rows
    )


def _share(hits: int, faces: int) -> str:
    return percent(hits / faces) if faces else "-"
