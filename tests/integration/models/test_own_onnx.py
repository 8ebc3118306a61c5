"""Files of the user's own, from the setting to boxes, on the real runtime."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.integration.models.onnx_graphs import GREEN, MAGENTA, colour_detector, constant_answers, metadata
from veilgate.domain.detections import Detection
from veilgate.domain.errors import ConfigurationError, StageFailed
from veilgate.inference.manifest import Adapter, LocalFile, Manifest, ModelKind, ModelSpec, sha256_of
from veilgate.inference.models import DetectorOptions, load_model
from veilgate.inference.ports import Detector

Pixels = NDArray[np.uint8]
ANY_SIZE = ("batch", 3, "height", "width")
# Every form that Ultralytics exports; all are the same detector.
FORMS: dict[str, dict[str, Any]] = {
    "fixed": {},
    "fixed, half": {"half": True},
    "fixed, not square": {"input_shape": (1, 3, 384, 640)},
    "dynamic batch": {"input_shape": ("batch", 3, 640, 640)},
    "dynamic": {"input_shape": ANY_SIZE},
    "dynamic, half": {"input_shape": ANY_SIZE, "half": True},
    "end to end": {"end_to_end": True},
    "end to end, half": {"end_to_end": True, "half": True},
    "end to end, dynamic": {"end_to_end": True, "input_shape": ANY_SIZE},
}


def opened(content: bytes, folder: Path, *, kind: ModelKind = ModelKind.FACES, **options: int) -> Detector:
    path = folder / "best.onnx"
    path.write_bytes(content)
    spec = Manifest(()).resolve(str(path), kind)
    return load_model(spec, folder=folder, options=DetectorOptions(**options))


@pytest.fixture(scope="module", params=list(FORMS))
def form(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return opened(colour_detector(**FORMS[request.param]), tmp_path_factory.mktemp("model"), streams=2)


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return opened(colour_detector(), tmp_path_factory.mktemp("model"))


def picture(width: int, height: int, *patches: tuple[tuple[int, int, int], Sequence[int]]) -> Pixels:
    pixels = np.full((height, width, 3), 90, np.uint8)
    for colour, (x1, y1, x2, y2) in patches:
        pixels[y1:y2, x1:x2] = colour
    return pixels


def boxes_of(found: list[Detection]) -> dict[str, list[float]]:
    """The box of each label, which must have one only."""
    assert len({one.label for one in found}) == len(found)
    return {one.label: one.box.as_list() for one in found}


@pytest.mark.parametrize(
    ("width", "height", "face", "plate"),
    [
        (640, 480, [100, 80, 180, 200], [400, 300, 470, 330]),
        (1280, 960, [200, 160, 360, 400], [0, 0, 64, 32]),
        (480, 640, [0, 0, 480, 300], [200, 400, 240, 640]),
    ],
)
def test_boxes_are_those_of_the_picture(
    form: Detector, width: int, height: int, face: list[int], plate: list[int]
) -> None:
    pixels = picture(width, height, (MAGENTA, face), (GREEN, plate))
    (found,) = form.detect([pixels], [0.5])
    # Where the picture is not shrunk by a whole number, an edge is blurred over a pixel of the input.
    abs_px = 2.5 if max(form.input_size(width, height)) < max(width, height) else 1.3
    boxes = boxes_of(found)
    assert boxes["face"] == pytest.approx(face, abs=abs_px)
    assert boxes["plate"] == pytest.approx(plate, abs=abs_px)


def test_where_the_picture_shrinks_by_a_whole_number_boxes_are_exact(fixed: Detector) -> None:
    face, plate = [200, 160, 360, 400], [800, 600, 880, 698]
    (found,) = fixed.detect([picture(1280, 960, (MAGENTA, face), (GREEN, plate))], [0.2])
    assert boxes_of(found) == {"face": face, "plate": plate}
    assert [one.score for one in found] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("width", "height", "face"),
    [
        (1, 2000, [0, 500, 1, 1000]),
        (2000, 1, [500, 0, 1000, 1]),
        (1999, 3, [700, 0, 1300, 3]),
        (997, 613, [333, 111, 555, 444]),
        (4001, 2999, [1000, 1000, 1400, 1500]),
        (37, 23, [5, 5, 20, 20]),
        (1, 1, [0, 0, 1, 1]),
    ],
)
def test_odd_sizes_are_right_within_a_pixel_of_the_input(
    form: Detector, width: int, height: int, face: list[int]
) -> None:
    (found,) = form.detect([picture(width, height, (MAGENTA, face))], [0.3])
    seen_px = max(1.0, 1.2 * max(width, height) / 640)
    assert boxes_of(found) == {"face": pytest.approx(face, abs=seen_px)}
    box = found[0].box
    assert 0 <= box.x1 < box.x2 <= width
    assert 0 <= box.y1 < box.y2 <= height


def test_the_threshold_is_that_of_each_picture(form: Detector) -> None:
    pale = picture(640, 480, ((255, 51, 255), [100, 80, 180, 200]))  # scores 0.6
    assert [len(found) for found in form.detect([pale, pale, pale], [0.5, 0.65, 0.59])] == [1, 0, 1]


def test_four_threads_get_their_own_answers(form: Detector) -> None:
    faces = [[40 * n, 20 * n, 40 * n + 60, 20 * n + 90] for n in range(12)]
    pictures = [picture(640, 480, (MAGENTA, face)) for face in faces]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda pixels: form.detect([pixels], [0.5])[0], pictures * 2))
    assert [boxes_of(one)["face"] for one in found] == [pytest.approx(face, abs=2) for face in faces * 2]


def test_a_dynamic_graph_sees_at_the_size_of_the_setting(tmp_path: Path) -> None:
    small = opened(colour_detector(input_shape=ANY_SIZE), tmp_path, longest_side_px=320)
    assert small.input_size(2000, 1000) == (320, 160)
    fixed = opened(colour_detector(), tmp_path, longest_side_px=320)
    assert fixed.input_size(2000, 1000) == (640, 640)


def line(content: bytes, path: Path, *, labels: tuple[str, ...] = (), **classes: str) -> ModelSpec:
    path.write_bytes(content)
    return ModelSpec(
        "own",
        ModelKind.FACES,
        Adapter.YOLO,
        LocalFile(path),
        sha256_of(content),
        None,
        "MIT",
        0.2,
        classes,  # type: ignore[arg-type]  # the actions are not looked at here
        labels,
    )


def test_a_line_of_the_manifest_picks_classes_and_names_them(tmp_path: Path) -> None:
    nameless = {key: value for key, value in metadata().items() if key != "names"}
    spec = line(colour_detector(props=nameless), tmp_path / "x.onnx", labels=("head", "sign"), sign="veil")
    detector = load_model(spec, folder=tmp_path, options=DetectorOptions())
    pixels = picture(640, 480, (MAGENTA, [100, 80, 180, 200]), (GREEN, [400, 300, 470, 330]))
    (found,) = detector.detect([pixels], [0.5])
    assert boxes_of(found) == {"sign": [400, 300, 470, 330]}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_found_out_at_start(tmp_path: Path, value: float) -> None:
    with pytest.raises(ConfigurationError, match="not finite"):
        opened(constant_answers((1, 6, 84), value=value), tmp_path)


def test_a_graph_that_goes_wrong_only_on_some_pictures_fails_those(tmp_path: Path) -> None:
    loud = opened(colour_detector(loudness=3e38), tmp_path)
    assert loud.detect([picture(640, 480)], [0.5]) == [[]]
    with pytest.raises(StageFailed, match="scores from 0 to 3e"):
        loud.detect([picture(640, 480, (MAGENTA, [100, 80, 180, 200]))], [0.5])
