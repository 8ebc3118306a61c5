"""The training of the vehicle detector: what it teaches, that a kill costs nothing, and what it writes."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.paths import REPOSITORY_ROOT
from tests.torch.gpu_environment import GpuEnvironment
from tests.unit.training.pictures import CAR, TRUCK, write_picture
from tests.waiting import wait_until
from veilgate.inference.detector_options import DetectorOptions
from veilgate.inference.manifest import ModelKind, read_manifest
from veilgate.inference.model_spec import Adapter
from veilgate.inference.models import load_model

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    for number in range(24):
        for source in ("nepal", "openimages"):
            boxes = (CAR, 0.3, 0.5, 0.4, 0.5), (TRUCK, 0.8, 0.3, 0.2, 0.2)
            write_picture(folder, f"{source}_{number}", *boxes)
    return folder


@pytest.fixture(scope="module")
def unbroken(
    environment: GpuEnvironment, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """A training from its first step to its last."""
    out = tmp_path_factory.mktemp("training") / "unbroken"
    return {**environment.ask("train_vehicles", data, out), "out": out}


def test_a_killed_training_ends_with_the_same_weights(
    environment: GpuEnvironment, data: Path, unbroken: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    process = environment.start("train_vehicles", data, out)
    wait_until((out / "checkpoint.pt").exists, what="a checkpoint", timeout_s=120)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (out / "vehicles-v1.onnx").exists(), "it was killed in the middle"
    (out / "checkpoint.half").write_bytes(b"what a kill leaves of a checkpoint")
    again = environment.ask("train_vehicles", data, out)
    assert again["began_at"] > 0
    assert again["weights"] == unbroken["weights"]
    assert steps_of(out / "log.csv") == steps_of(unbroken["out"] / "log.csv")


def steps_of(log: Path) -> list[str]:
    return [line.partition(",")[0] for line in log.read_text().splitlines()]


def test_what_is_made_ahead_ends_with_the_training(unbroken: dict[str, Any]) -> None:
    assert unbroken["batches_left"] == [3, 1, 0]


def test_the_larger_network_fits_too(unbroken: dict[str, Any]) -> None:
    assert unbroken["bytes_of_large"] <= 8_000_000


def test_its_files_answer_as_the_network_does(unbroken: dict[str, Any]) -> None:
    in_halves, in_bytes = unbroken["differences"]
    assert in_halves < 0.02
    assert in_bytes < 0.5
    assert (unbroken["out"] / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["vehicles-v1.onnx", "vehicles-v1-int8.onnx"])
def test_the_house_loads_them(unbroken: dict[str, Any], name: str) -> None:
    manifest = read_manifest(REPOSITORY_ROOT / "models" / "manifest.toml")
    spec = manifest.resolve(str(unbroken["out"] / name), ModelKind.VEHICLES)
    assert spec.adapter is Adapter.VEILGATE
    detector = load_model(spec, folder=unbroken["out"], options=DetectorOptions())
    assert detector.input_size(640, 480) == (320, 256)


def test_it_learns_from_pictures_without_vehicles_too(unbroken: dict[str, Any]) -> None:
    scenes, photos = (
        [name for name in unbroken["pictures_of_nothing"] if name.startswith(kind)]
        for kind in ("scene", "photo")
    )
    assert len(scenes) == 20, "of 24 four are streets, by day and by night, with cars in them"
    assert len(photos) == 15


def test_what_nobody_labelled_is_not_taught(environment: GpuEnvironment) -> None:
    taught = environment.ask("vehicle_loss")
    assert taught["bicycle_where_unlabelled"] == 0
    assert taught["hidden_half"] == 0
    assert taught["car_where_bicycles_are_unlabelled"] > 0
    assert taught["other_half"] > 0
    assert 1 <= taught["cells_taught_that_it_is_a_car"] <= 10
    assert taught["of_the_other_picture"] == 0
