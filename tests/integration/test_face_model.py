"""The real models on real pictures."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from veilgate.domain.detections import Box
from veilgate.inference.manifest import Manifest, ModelKind, read_manifest
from veilgate.inference.model_files import locate
from veilgate.inference.models import DetectorOptions, load_model
from veilgate.inference.openvino_runtime import OpenVinoSession
from veilgate.inference.ports import Detector

FACE = [179, 61, 271, 178]  # of the astronaut, within 512 × 512


@pytest.fixture(scope="module")
def manifest(repository_root: Path) -> Manifest:
    return read_manifest(repository_root / "models" / "manifest.toml")


@pytest.fixture(scope="module")
def faces(manifest: Manifest) -> Detector:
    spec = manifest.resolve("centerface", ModelKind.FACES)
    return load_model(spec, folder=Path("unused"), options=DetectorOptions())


@pytest.fixture(scope="module")
def astronaut() -> NDArray[np.uint8]:
    return np.asarray(data.astronaut())


def only_box(detector: Detector, pixels: NDArray[np.uint8], *, threshold: float = 0.2) -> list[float]:
    ((found,),) = detector.detect([pixels], [threshold])
    assert found.label == "face"
    return found.box.as_list()


def test_one_face_where_it_is(faces: Detector, astronaut: NDArray[np.uint8]) -> None:
    assert only_box(faces, astronaut) == pytest.approx(FACE, abs=6)


def test_boxes_are_in_pixels_of_the_full_picture(faces: Detector, astronaut: NDArray[np.uint8]) -> None:
    large = astronaut.repeat(4, axis=0).repeat(4, axis=1)
    assert only_box(faces, large) == pytest.approx([4 * side for side in FACE], abs=24)


def test_a_face_of_15_pixels_is_found(faces: Detector, astronaut: NDArray[np.uint8]) -> None:
    small = np.asarray(Image.fromarray(astronaut).resize((64, 64), Image.Resampling.BOX))
    assert only_box(faces, small, threshold=0.6) == pytest.approx([side / 8 for side in FACE], abs=2)


@pytest.mark.parametrize(
    ("rows", "columns", "edge"),
    [
        (slice(None), slice(205, None), "x1"),
        (slice(None), slice(None, 245), "x2"),
        (slice(90, None), slice(None), "y1"),
        (slice(None, 150), slice(None), "y2"),
    ],
    ids=["left", "right", "top", "bottom"],
)
def test_a_face_cut_by_the_edge_is_found_and_its_box_stays_inside(
    faces: Detector, astronaut: NDArray[np.uint8], rows: slice, columns: slice, edge: str
) -> None:
    pixels = np.ascontiguousarray(astronaut[rows, columns])
    height, width = pixels.shape[:2]
    ((found, *_),) = faces.detect([pixels], [0.2])
    box: Box = found.box
    assert 0 <= box.x1 < box.x2 <= width
    assert 0 <= box.y1 < box.y2 <= height
    at_edge = {"x1": box.x1, "x2": width - box.x2, "y1": box.y1, "y2": height - box.y2}
    assert at_edge[edge] <= 5


def test_black_has_no_face(faces: Detector) -> None:
    assert faces.detect([np.zeros((300, 400, 3), np.uint8)], [0.2]) == [[]]


@pytest.mark.parametrize("size_wh", [(8, 8), (8, 400), (2000, 40)])
def test_odd_sizes_are_taken(faces: Detector, size_wh: tuple[int, int]) -> None:
    width, height = faces.input_size(*size_wh)
    assert width % 32 == height % 32 == 0
    assert faces.detect([np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)], [0.2]) == [[]]


def test_alike_pictures_share_an_input_size(faces: Detector) -> None:
    assert faces.input_size(4000, 3000) == faces.input_size(1600, 1200) == (640, 480)
    assert faces.input_size(3000, 4000) == (480, 640)
    assert faces.input_size(100, 50) == (224, 128)


def test_together_or_alone_makes_no_difference(faces: Detector, astronaut: NDArray[np.uint8]) -> None:
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    wide = np.hstack([astronaut, mirrored])
    pictures = [astronaut, mirrored, wide]
    alone = [faces.detect([pixels], [0.2])[0] for pixels in pictures]
    assert faces.detect(pictures, [0.2] * 3) == alone
    assert [len(found) for found in alone] == [1, 1, 2]


def test_each_picture_has_its_own_threshold_and_best_comes_first(
    faces: Detector, astronaut: NDArray[np.uint8]
) -> None:
    strict, lax = faces.detect([astronaut, astronaut], [0.95, 0.02])
    assert strict == []
    assert len(lax) > 1
    scores = [found.score for found in lax]
    assert scores == sorted(scores, reverse=True)
    assert lax[0].box.as_list() == pytest.approx(FACE, abs=6)


def test_threads_do_not_get_each_others_boxes(faces: Detector, astronaut: NDArray[np.uint8]) -> None:
    pictures = [astronaut, np.ascontiguousarray(astronaut[:, ::-1])] * 6
    alone = [faces.detect([pixels], [0.2]) for pixels in pictures]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda pixels: faces.detect([pixels], [0.2]), pictures))
    assert together == alone
    assert alone[0] != alone[1]


def test_a_later_run_leaves_earlier_outputs_alone(manifest: Manifest) -> None:
    path = locate(manifest.resolve("centerface", ModelKind.FACES), folder=Path("unused"))
    assert path is not None
    session = OpenVinoSession(path.read_bytes(), input_shape=(-1, 3, -1, -1))
    earlier = session.run(np.zeros((1, 3, 64, 64), np.float32))
    kept = [output.copy() for output in earlier]
    session.run(np.full((1, 3, 64, 64), 200, np.float32))
    assert all(np.array_equal(output, copy) for output, copy in zip(earlier, kept, strict=True))


NAMES = {0: "car", 2: "truck", 3: "bus", 4: "motorcycle", 5: "bicycle"}


def labelled_boxes(path: Path, *, width: int, height: int) -> list[tuple[str, Box]]:
    rows = [list(map(float, line.split())) for line in path.read_text().splitlines()]
    return [
        (
            NAMES.get(int(index), "other"),
            Box((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height),
        )
        for index, x, y, w, h in rows
    ]


def overlap(a: Box, b: Box) -> float:
    shared_w = max(0.0, min(a.x2, b.x2) - max(a.x1, b.x1))
    shared_h = max(0.0, min(a.y2, b.y2) - max(a.y1, b.y1))
    shared = shared_w * shared_h
    return shared / (a.width * a.height + b.width * b.height - shared)


def test_vehicles_are_found_in_street_photos(
    manifest: Manifest, shared_models: Path, shared_data: Path
) -> None:
    """Measured on the first 30 at threshold 0.5: 0.73 of 56 boxes found, 0.59 with the right name."""
    spec = manifest.resolve(str(shared_models / "FastestDet.onnx"), ModelKind.VEHICLES)
    vehicles = load_model(spec, folder=Path("unused"), options=DetectorOptions())
    assert spec.id == "fastestdet"
    heldout = shared_data / "vehicles" / "heldout"
    found, named, wanted = 0, 0, 0
    for path in sorted((heldout / "images").glob("openimages_*.jpg"))[:30]:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        height, width = pixels.shape[:2]
        (detections,) = vehicles.detect([pixels], [0.5])
        assert {detection.label for detection in detections} <= set(spec.classes)
        labels = heldout / "labels" / f"{path.stem}.txt"
        for name, box in labelled_boxes(labels, width=width, height=height):
            matches = [seen.label for seen in detections if overlap(seen.box, box) >= 0.5]
            found, named, wanted = found + bool(matches), named + (name in matches), wanted + 1
    assert wanted > 50
    assert found / wanted > 0.65
    assert named / wanted > 0.5
