"""How well embedders find copies of pictures, and how far foreign pictures stay away."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.scenes import draw_scene
from bench.sources import Pixels
from bench.transforms import TRANSFORMS, VEIL_EDGES, veiled
from bench.workplace import ROOT
from veilgate.imaging.likeness import likeness_view
from veilgate.imaging.resample import use_calling_thread_only
from veilgate.inference.embedder_models import EmbedderChoice, open_embedder
from veilgate.inference.embedders.descriptor import MODEL_ID
from veilgate.inference.ports import Embedder

Vectors = NDArray[np.float32]

# Of such files many show one scene, tilted or a moment later: none is foreign to all others.
_BURSTS = ("bdroad_", "topview_")
_SEED = 31
_LOOKS, _LOOK_SHARE, _LOOKED_AT_EVERY = 6, 0.7, 11
_THRESHOLDS = tuple(np.arange(0.60, 0.96, 0.02).round(2).tolist())
_TIMED_VIEWS = 60
# The share of pictures without a copy that may be linked where embedders are compared.
_STRANGERS = 0.01


@dataclass(frozen=True, slots=True)
class _Source:
    """A picture of the set: a drawn scene, or part of a photo."""

    number: int
    photo: Path | None

    def open(self) -> tuple[str, Pixels]:
        """Its kind and its BGR pixels."""
        if self.photo is None:
            return draw_scene(self.number)
        pixels = np.asarray(cv2.imread(str(self.photo)), np.uint8)
        rng = self.rng(0)
        return "photo", _part(pixels, rng, rng.uniform(0.75, 1))

    def rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng((_SEED, purpose, self.number))


@dataclass(frozen=True, slots=True, eq=False)
class _Embedded:
    """A picture, what each transform and each share of veil made of it, and looks at other parts of it, to
    one embedder."""

    kind: str
    original: Vectors
    copies: Vectors
    veiled: Vectors
    looks: Vectors


def measure(*, pictures: int, folder: Path | None, others: Sequence[str] = ()) -> dict[str, Any]:
    """Half of the pictures are parts of photos of `folder`, if there are so many; the others are drawn.

    What the descriptor gives; and under "others", of the same pictures and copies, what each other embedder
    gives, by its id or file.
    """
    names = (MODEL_ID, *others)
    sources = list(_sources(pictures, folder))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), initializer=_start) as pool:
        embedded = list(pool.map(partial(_embed, names=names), sources, chunksize=4))
        speeds = [_speed(pool, name) for name in names]
    counts = {"photos": sum(source.photo is not None for source in sources)}
    judged = [
        _judge([seen[number] for seen in embedded], _embedder(name).near_duplicate_score)
        | counts
        | speeds[number]
        for number, name in enumerate(names)
    ]
    return judged[0] | {"others": dict(zip(others, judged[1:], strict=True))}


def _sources(count: int, folder: Path | None) -> Iterator[_Source]:
    found = sorted(folder.rglob("*.jpg")) if folder else []
    photos = [path for path in found if not path.name.startswith(_BURSTS)]
    np.random.default_rng(_SEED).shuffle(photos)
    drawn = 0
    for number in range(count):
        if number % 2 and photos:
            yield _Source(number // 2, photos.pop())
        else:
            yield _Source(drawn, None)
            drawn += 1


def _start() -> None:
    """One thread a process: the processes share the cores among themselves."""
    use_calling_thread_only()


@lru_cache
def _embedder(name: str) -> Embedder:
    """One of a process. Its score is that of the manifest."""
    manifest_path = ROOT / "models" / "manifest.toml"
    return open_embedder(EmbedderChoice(name), manifest_path=manifest_path, fetched_folder=ROOT)


def _views(pixels: list[Pixels]) -> list[Pixels]:
    return [likeness_view(cv2.cvtColor(one, cv2.COLOR_BGR2RGB)) for one in pixels]


def _embed(source: _Source, names: Sequence[str]) -> list[_Embedded]:
    """By each of the embedders named."""
    kind, pixels = source.open()
    rng = source.rng(1)
    copies = [change(pixels, rng) for change in TRANSFORMS.values()]
    behind_veils = [veiled(pixels, rng, share) for share in VEIL_EDGES]
    is_looked_at = source.number % _LOOKED_AT_EVERY == 0
    looks = [_look(pixels, rng) for _ in range(_LOOKS if is_looked_at else 0)]
    groups = [_views(group) for group in ([pixels], copies, behind_veils, looks)]
    return [_Embedded(kind, *(_embedder(name).embed(group) for group in groups)) for name in names]


def _part(pixels: Pixels, rng: np.random.Generator, share: float) -> Pixels:
    height, width = pixels.shape[:2]
    high, wide = max(1, int(height * share)), max(1, int(width * share))
    top, left = int(rng.integers(0, height - high + 1)), int(rng.integers(0, width - wide + 1))
    return pixels[top : top + high, left : left + wide].copy()


def _look(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Another half of the same scene in another light."""
    part = _part(pixels, rng, _LOOK_SHARE).astype(np.float32)
    return (part * rng.uniform(0.85, 1.15) + rng.uniform(-15, 15)).clip(0, 255).astype(np.uint8)


def _speed(pool: ProcessPoolExecutor, name: str) -> dict[str, float]:
    """Of embedding alone, from the view to the vector, on one core and on all."""
    workers = len(os.sched_getaffinity(0))
    alone_s = pool.submit(_embed_timed, name).result()
    began_s = time.perf_counter()
    list(pool.map(_embed_timed, [name] * workers))
    together_s = time.perf_counter() - began_s
    return {
        "ms_a_picture": alone_s / _TIMED_VIEWS * 1000,
        "pictures_a_minute": workers * _TIMED_VIEWS / together_s * 60,
        "workers": workers,
    }


def _embed_timed(name: str) -> float:
    embedder = _embedder(name)
    views = _views([draw_scene(number)[1] for number in range(12)])
    began_s = time.perf_counter()
    for _ in range(_TIMED_VIEWS // len(views)):
        embedder.embed(views)
    return time.perf_counter() - began_s


def _judge(embedded: list[_Embedded], score: float) -> dict[str, Any]:
    originals = np.concatenate([one.original for one in embedded])
    kinds = [one.kind for one in embedded]
    apart = originals @ originals.T
    np.fill_diagonal(apart, -1)
    foreign = apart.max(axis=1)
    copies = [
        _Found.among(originals, [one.copies[step] for one in embedded]) for step in range(len(TRANSFORMS))
    ]
    veils = [
        _Found.among(originals, [one.veiled[step] for one in embedded]) for step in range(len(VEIL_EDGES))
    ]
    whole = _Found.together(copies)
    strict = float(np.quantile(foreign, 1 - _STRANGERS))
    return {
        "pictures": len(embedded),
        "dimensions": originals.shape[1],
        "threshold": score,
        "strangers": float((foreign >= score).mean()),
        "transforms": dict(zip(TRANSFORMS, (found.summary(score, strict) for found in copies), strict=True)),
        "veils": dict(
            zip(map(str, VEIL_EDGES), (found.summary(score, strict) for found in veils), strict=True)
        ),
        "whole": whole.summary(score, strict),
        "strict": _at(strict, whole, foreign),
        "thresholds": [_at(threshold, whole, foreign) for threshold in _THRESHOLDS],
        "scores": {"copies": _histogram(whole.own), "foreign": _histogram(foreign)},
        "kinds": {
            kind: _of_kind(np.array([one == kind for one in kinds]), copies, foreign, score)
            for kind in dict.fromkeys(kinds)
        },
        "look_alikes": _precision_at_5(embedded),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """For each copy: its likeness to its original, that of the likest picture, and whether these are one."""

    own: Vectors
    best: Vectors
    is_first: NDArray[np.bool_]

    @classmethod
    def among(cls, originals: Vectors, copies: list[Vectors]) -> "_Found":
        likeness = np.stack(copies) @ originals.T
        return cls(
            likeness.diagonal().copy(),
            likeness.max(axis=1),
            likeness.argmax(axis=1) == np.arange(len(copies)),
        )

    @classmethod
    def together(cls, found: list["_Found"]) -> "_Found":
        return cls(
            np.concatenate([one.own for one in found]),
            np.concatenate([one.best for one in found]),
            np.concatenate([one.is_first for one in found]),
        )

    def summary(self, threshold: float, strict: float) -> dict[str, float]:
        """`threshold` is the embedder's own, `strict` the one that links few strangers."""
        return {
            "recall_at_1": float(self.is_first.mean()),
            "linked": float((self.is_first & (self.best >= threshold)).mean()),
            "linked_strictly": float((self.is_first & (self.best >= strict)).mean()),
            "likeness": float(np.median(self.own)),
            "likeness_low": float(np.quantile(self.own, 0.05)),
        }


def _at(threshold: float, whole: _Found, foreign: Vectors) -> dict[str, float]:
    """What would be linked from here on: every copy comes once, and every picture that has no copy."""
    links = whole.best >= threshold
    right, wrong = int((links & whole.is_first).sum()), int((links & ~whole.is_first).sum())
    strangers = int((foreign >= threshold).sum())
    return {
        "threshold": threshold,
        "linked": right / len(links),
        "precision": right / max(1, right + wrong + strangers),
        "strangers": strangers / len(foreign),
    }


def _histogram(scores: Vectors) -> list[int]:
    return np.histogram(scores, bins=100, range=(0, 1))[0].tolist()


def _of_kind(
    chosen: NDArray[np.bool_], copies: list[_Found], foreign: Vectors, score: float
) -> dict[str, float]:
    return {
        "pictures": int(chosen.sum()),
        "recall_at_1": float(np.mean([found.is_first[chosen].mean() for found in copies])),
        "linked": float(
            np.mean([(found.is_first & (found.best >= score))[chosen].mean() for found in copies])
        ),
        "foreign_high": float(np.quantile(foreign[chosen], 0.99)),
    }


def _precision_at_5(embedded: list[_Embedded]) -> dict[str, float]:
    """Of the five likest looks, how many show the same scene: drawn ones, photos, all."""
    chosen = [(index, one) for index, one in enumerate(embedded) if len(one.looks)]
    looks = np.concatenate([one.looks for _, one in chosen])
    scene = np.repeat([index for index, _ in chosen], _LOOKS)
    is_photo = np.repeat([one.kind == "photo" for _, one in chosen], _LOOKS)
    likeness = looks @ looks.T
    np.fill_diagonal(likeness, -1)
    shares = (scene[np.argsort(-likeness, axis=1)[:, :5]] == scene[:, None]).mean(axis=1)
    means = {"drawn": shares[~is_photo], "photos": shares[is_photo], "all": shares}
    return {name: float(part.mean()) for name, part in means.items() if len(part)} | {"scenes": len(chosen)}
