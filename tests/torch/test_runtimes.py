"""One model gives the same boxes wherever it runs, and leaves nothing behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.torch.gpu_environment import GpuEnvironment

pytestmark = pytest.mark.timeout(1200)
SUITE = Path(__file__).parent
# (lowest IoU, largest difference of scores).
ALIKE = {
    "torch_half": (0.99, 0.01),
    "converted": (0.99, 0.01),
    "onnx": (0.99, 0.01),
    "house_pt": (0.99, 0.01),
    "house_onnx": (0.99, 0.01),
}
# Everything was looked for above 0.25, so that a score just below this one may fall a little.
CERTAIN = 0.35

Found = list[Any]  # label, score, x1, y1, x2, y2


@pytest.fixture(scope="module")
def found(environment: GpuEnvironment, models: Path, converted_folder: Path) -> Any:
    pt, onnx = models / "Car Face Blur Model.pt", models / "faces.onnx"
    return environment.ask("runtimes", pt, onnx, converted_folder)


def iou(one: Found, other: Found) -> float:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = one[2:], other[2:]
    shared = max(0.0, min(ax2, bx2) - max(ax1, bx1)) * max(0.0, min(ay2, by2) - max(ay1, by1))
    return float(shared / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared))


def unmatched(these: list[Found], those: list[Found], *, runtime: str) -> Iterator[Found]:
    """Certain finds of these that those do not have."""
    lowest_iou, most_difference = ALIKE[runtime]
    for one in these:
        alike = any(
            one[0] == other[0] and iou(one, other) >= lowest_iou and abs(one[1] - other[1]) <= most_difference
            for other in those
        )
        if one[1] >= CERTAIN and not alike:
            yield one


def test_the_model_finds_faces_and_cars(found: Any) -> None:
    labels = [one[0] for picture in found["torch"] for one in picture if one[1] > 0.8]
    assert labels.count("face") >= 2
    assert labels.count("car") >= 2


@pytest.mark.parametrize("runtime", ALIKE)
def test_every_runtime_gives_the_boxes_of_torch(found: Any, runtime: str) -> None:
    assert len(found[runtime]) == len(found["torch"]) == 5
    for expected, given in zip(found["torch"], found[runtime], strict=True):
        assert list(unmatched(expected, given, runtime=runtime)) == []
        assert list(unmatched(given, expected, runtime=runtime)) == []


def test_a_first_start_writes_into_its_folder_only_and_calls_nobody(
    environment: GpuEnvironment, car_face_blur: Path, tmp_path: Path
) -> None:
    log = tmp_path / "watched"
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    watched = {"PYTHONPATH": str(SUITE / "watcher"), "WATCH_LOG": str(log)}
    places = {"HOME": str(home), "TMPDIR": str(temporary)}
    answer = environment.ask("open_model", car_face_blur, tmp_path / "models", **watched, **places)
    assert answer["error"] is None, answer
    lines = log.read_text(encoding="utf-8").splitlines()
    allowed = (str(tmp_path / "models"), str(temporary), "/dev/", "/proc/")
    assert any(line.startswith("write ") and "converted" in line for line in lines), "it watched"
    assert [
        line for line in lines if not any(f" {place}" in line.replace("('", " ") for place in allowed)
    ] == []
    assert list(home.iterdir()) == []
    assert list(temporary.iterdir()) == []


def test_one_distribution_provides_opencv(environment: GpuEnvironment) -> None:
    assert environment.ask("who_provides", "cv2") == ["opencv-python-headless"]
