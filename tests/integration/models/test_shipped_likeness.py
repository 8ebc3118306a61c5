"""The embedder that comes with the code: its file, its numbers, and that copies are nearer than strangers."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from tests.fixtures.paths import REPOSITORY_ROOT
from veilgate.imaging.likeness import likeness_view
from veilgate.inference.embedder_models import EmbedderChoice, open_embedder
from veilgate.inference.manifest import LocalFile, ModelKind, read_manifest
from veilgate.inference.ports import Embedder

MODELS = REPOSITORY_ROOT / "models"
MOST_BYTES = 8_000_000
# Likeness of the astronaut to her copy, of her to a cat, and of the cat to coffee.
LIKENESSES = [0.9561, 0.4312, 0.5987]

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    choice = EmbedderChoice("likeness-v1")
    return open_embedder(choice, manifest_path=MODELS / "manifest.toml", fetched_folder=MODELS)


def worse(picture: Pixels) -> Pixels:
    """Smaller, darker, without its edges, and saved as a poor JPEG."""
    height, width = picture.shape[:2]
    part = picture[height // 20 : -height // 20, width // 20 : -width // 20]
    small = cv2.resize(part, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    _, spool = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 30])
    decoded = np.asarray(cv2.imdecode(spool, cv2.IMREAD_COLOR), np.float32)
    return (decoded * 0.8).astype(np.uint8)


def test_it_is_small(embedder: Embedder) -> None:
    spec = read_manifest(MODELS / "manifest.toml").resolve("likeness-v1", ModelKind.EMBEDDER)
    assert isinstance(spec.source, LocalFile)
    assert spec.source.path.stat().st_size <= MOST_BYTES
    (row,) = embedder.embed([likeness_view(data.astronaut())])
    assert 128 <= len(row) <= 256
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-4)


def test_copies_are_nearer_than_strangers_by_the_numbers_of_its_card(embedder: Embedder) -> None:
    views = [data.astronaut(), worse(data.astronaut()), data.cat(), data.coffee()]
    astronaut, copy, cat, coffee = embedder.embed([likeness_view(np.ascontiguousarray(one)) for one in views])
    found = [float(astronaut @ copy), float(astronaut @ cat), float(cat @ coffee)]
    # Processors round differently, some of them in bfloat16.
    assert found == pytest.approx(LIKENESSES, abs=0.02)
    assert found[0] > max(found[1:]) + 0.2
