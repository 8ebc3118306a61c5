"""The environment with torch, and models that were made in it, once for the session."""

from pathlib import Path

import pytest

from tests.torch.gpu_environment import GpuEnvironment


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> GpuEnvironment:
    environment = GpuEnvironment(tmp_path_factory.mktemp("environment"))
    environment.prepare()
    return environment


@pytest.fixture(scope="session")
def models(environment: GpuEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints: one that finds magenta squares, its ONNX export, and others of other kinds."""
    folder = tmp_path_factory.mktemp("models of a user")
    environment.ask("make_models", folder)
    return folder


@pytest.fixture(scope="session")
def car_face_blur(models: Path) -> Path:
    return models / "Car Face Blur Model.pt"


@pytest.fixture(scope="session")
def converted_folder(
    environment: GpuEnvironment, car_face_blur: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A models folder in which the checkpoint has been converted. Copy it to change it."""
    folder = tmp_path_factory.mktemp("converted once")
    answer = environment.ask("open_model", car_face_blur, folder)
    assert answer["error"] is None, answer
    return folder
