"""From the settings to the models of a worker: FACE_DETECTION_MODEL_PATH, BLUR_TARGETS and the vehicles."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from config import Config
from tests.integration.models.onnx_graphs import (
    GREEN,
    MAGENTA,
    colour_detector,
    constant_answers,
    metadata,
)
from veilgate.domain.errors import ConfigurationError
from veilgate.inference.manifest import sha256_of
from veilgate.inference.worker_models import WorkerModels
from veilgate.wiring.resources import open_models

Open = Callable[..., WorkerModels]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens the models of a worker with these settings, and closes them."""
    models: list[WorkerModels] = []
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MODEL_FETCH", "false")

    def open_them(**settings: str | Path) -> WorkerModels:
        for name, value in settings.items():
            monkeypatch.setenv(name, str(value))
        models.append(open_models(Config(), streams=1))
        return models[-1]

    yield open_them
    for one in models:
        one.close()


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "Car Face Blur Model.onnx"
    path.write_bytes(colour_detector())
    return path


def state_of(models: WorkerModels, kind: str) -> dict[str, str | None]:
    return next(state for state in models.states() if state["kind"] == kind)


def test_a_file_of_ones_own_looks_for_faces(
    opened: Open, own_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = opened(FACE_DETECTION_MODEL_PATH=own_file)
    pixels = np.full((480, 640, 3), 90, np.uint8)
    pixels[80:200, 100:180], pixels[300:330, 400:470] = MAGENTA, GREEN
    (found,) = models.faces.detect([pixels], [0.5])
    assert {one.label: one.box.as_list() for one in found} == {
        "face": [100, 80, 180, 200],
        "plate": [400, 300, 470, 330],
    }
    assert models.veil_labels == {"face"}
    sha256 = sha256_of(own_file.read_bytes())
    faces = state_of(models, "faces")
    assert (faces["id"], faces["state"]) == (f"Car Face Blur Model@{sha256[:12]}", "ready")
    assert faces["sha256"] == sha256
    assert f"sha256={sha256}" in capsys.readouterr().out


def test_the_setting_says_what_is_veiled(opened: Open, own_file: Path) -> None:
    models = opened(FACE_DETECTION_MODEL_PATH=own_file, BLUR_TARGETS="plate, face")
    assert models.veil_labels == {"face", "plate"}


def test_the_default_model_veils_faces(opened: Open) -> None:
    assert opened().veil_labels == {"face"}
    assert opened(FACE_DETECTION_MODEL_PATH="fake").veil_labels == {"face"}


@pytest.mark.parametrize(
    ("names", "blur_targets", "complaint"),
    [
        (
            "{0: 'face', 1: 'plate'}",
            "nose",
            r"it names 'nose', and .*\.onnx has no such class; it has: face, p",
        ),
        (
            "{0: 'face', 1: 'plate'}",
            "Face",
            r"it names 'Face', and own\.onnx has no such class \(but 'face'\)",
        ),
        (
            "{0: 'person', 1: 'car'}",
            "",
            r"empty means 'face', and .*\.onnx has no such class; it has: person",
        ),
    ],
)
def test_a_worker_that_would_veil_nothing_does_not_start(
    opened: Open, tmp_path: Path, names: str, blur_targets: str, complaint: str
) -> None:
    path = tmp_path / "own.onnx"
    path.write_bytes(colour_detector(props=metadata(names=names)))
    with pytest.raises(ConfigurationError, match=f"^BLUR_TARGETS: {complaint}"):
        opened(FACE_DETECTION_MODEL_PATH=path, BLUR_TARGETS=blur_targets)


@pytest.mark.parametrize("content", [b"", b"junk" * 99, constant_answers((1, 1000))])
def test_a_worker_without_its_face_model_does_not_start(opened: Open, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.onnx"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"^FACE_DETECTION_MODEL_PATH: "):
        opened(FACE_DETECTION_MODEL_PATH=path)


def test_a_pt_file_that_is_none_is_refused_with_torch_and_without(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "Car Face Blur Model.pt"
    path.write_bytes(b"junk" * 99)
    with pytest.raises(ConfigurationError, match=r"^FACE_DETECTION_MODEL_PATH: .*Blur Model\.pt"):
        opened(FACE_DETECTION_MODEL_PATH=path)


def test_a_vehicle_model_of_ones_own_reports_all_it_finds(opened: Open, own_file: Path) -> None:
    models = opened(VEHICLE_DETECTION_MODEL_PATH=own_file)
    detector = models.vehicles.get()
    assert detector is not None
    pixels = np.full((480, 640, 3), 90, np.uint8)
    pixels[300:330, 400:470] = GREEN
    assert [one.label for one in detector.detect([pixels], [0.5])[0]] == ["plate"]
    assert state_of(models, "vehicles")["sha256"] == sha256_of(own_file.read_bytes())
    assert models.veil_labels == {"face"}


@pytest.mark.parametrize("content", [None, b"", b"junk" * 99, constant_answers((1, 1000))])
def test_a_wrong_vehicle_model_is_said_and_stops_nothing(
    opened: Open, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    path = tmp_path / "cars.onnx"
    if content is not None:
        path.write_bytes(content)
    models = opened(VEHICLE_DETECTION_MODEL_PATH=path)
    assert models.vehicles.get() is None
    state = state_of(models, "vehicles")
    assert state["state"] == "failed"
    assert str(state["reason"]).startswith("VEHICLE_DETECTION_MODEL_PATH: ")
    said = [line for line in capsys.readouterr().out.splitlines() if "VEHICLE_DETECTION_MODEL_PATH: " in line]
    assert len(said) == 1
    assert "model.not_usable" in said[0]
