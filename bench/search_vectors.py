"""Vectors with the shape of a photo collection's: subjects of uneven size, few directions that matter, and
near-duplicates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

_BLOCK = 50_000
# How far two pictures of one subject lie apart, and a near-duplicate from its picture.
_WITHIN_SUBJECT = 0.8
_DUPLICATE = 0.15
_SHARE_OF_DUPLICATES = 0.1
GENERATOR = (
    "n/50 subjects of Zipf sizes (exponent 0.7), centres and spread Gaussian with standard deviation of "
    "direction i falling as i^-0.5, spread within a subject 0.8 of that between subjects, every tenth vector "
    "a near-duplicate (0.15) of another one, length one; queries are drawn anew from the same subjects"
)


@dataclass(frozen=True, slots=True)
class Collection:
    stored: Vectors
    queries: Vectors


def collection(count: int, dimensions: int, *, queries: int, seed: int = 6) -> Collection:
    """The same for the same arguments."""
    rng = np.random.default_rng(seed)
    spread = (np.arange(1, dimensions + 1) ** -0.5).astype(np.float32)
    subjects = max(count // 50, 1)
    centres = rng.standard_normal((subjects, dimensions), np.float32) * spread
    shares = np.arange(1, subjects + 1) ** -0.7
    shares /= shares.sum()

    def draw(number: int) -> Vectors:
        noise = rng.standard_normal((number, dimensions), np.float32) * (spread * _WITHIN_SUBJECT)
        return unit(centres[rng.choice(subjects, number, p=shares)] + noise)

    stored = np.empty((count, dimensions), np.float32)
    for start in range(0, count, _BLOCK):
        block = draw(min(_BLOCK, count - start))
        copies = rng.random(len(block)) < _SHARE_OF_DUPLICATES
        number = int(copies.sum())
        earlier = stored[:start] if start else block[~copies]
        originals = earlier[rng.integers(0, len(earlier), number)]
        noise = rng.standard_normal((number, dimensions), np.float32) * np.float32(dimensions**-0.5)
        block[copies] = unit(originals + noise * np.float32(_DUPLICATE))
        stored[start : start + len(block)] = block
    return Collection(stored, draw(queries))


def unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / lengths).astype(np.float32)
