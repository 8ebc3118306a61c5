"""Weights of torchvision become an embedder: converted once, and the same as in torch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.torch import hostile
from tests.torch.gpu_environment import GpuEnvironment
from veilgate.domain.errors import ConfigurationError
from veilgate.inference import torch_conversions
from veilgate.inference.embedder_models import EmbedderChoice, open_embedder
from veilgate.inference.manifest import sha256_of

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def expected(environment: GpuEnvironment, folder: Path) -> dict[str, list[float]]:
    answers: dict[str, list[float]] = environment.ask("make_weights", folder)
    return answers


def manifest_for(path: Path, *, network: str) -> Path:
    """A manifest with the file as a line of its own."""
    manifest = path.with_suffix(".toml")
    manifest.write_text(
        f'[[model]]\nid = "ours"\nkind = "embedder"\nadapter = "torchvision"\nnetwork = "{network}"\n'
        f'source = "file:{path.name}"\nsha256 = "{sha256_of(path.read_bytes())}"\nlicence = "none"\n'
        "default_threshold = 0.9\n"
    )
    return manifest


@pytest.mark.parametrize("network", ["efficientnet_b0", "resnet18"])
def test_a_network_answers_as_it_does_in_torch(
    environment: GpuEnvironment, folder: Path, expected: dict[str, list[float]], network: str
) -> None:
    manifest = manifest_for(folder / f"{network}.pth", network=network)
    answer: Any = environment.ask("open_weights", "ours", manifest, folder / "fetched")
    assert (answer["error"], answer["torch"]) == (None, False)
    assert len(answer["row"]) == {"efficientnet_b0": 1280, "resnet18": 512}[network]
    assert answer["row"] == pytest.approx(expected[network], abs=1e-4)
    # What was converted once needs no torch.
    here = open_embedder(EmbedderChoice("ours"), manifest_path=manifest, fetched_folder=folder / "fetched")
    assert here.dimensions == len(answer["row"])


@pytest.mark.usefixtures("expected")
@pytest.mark.parametrize(
    ("name", "network", "complaint"),
    [
        ("resnet18", "resnet50", "does not hold the weights of resnet50"),
        ("resnet18", "resnet", "is for a network 'resnet', which torchvision does not have"),
        ("epoch", "resnet50", "does not hold weights alone"),
    ],
)
def test_what_is_something_else_is_refused(
    environment: GpuEnvironment, folder: Path, name: str, network: str, complaint: str
) -> None:
    manifest = manifest_for(folder / f"{name}.pth", network=network)
    answer: Any = environment.ask("open_weights", "ours", manifest, folder / "refused")
    assert answer["error"].startswith(f"EMBEDDING_MODEL_PATH: {name}.pth {complaint}")


def test_nothing_of_a_file_is_run(environment: GpuEnvironment, folder: Path, tmp_path: Path) -> None:
    struck = tmp_path / "struck"
    path = tmp_path / "hostile.pth"
    path.write_bytes(hostile.checkpoint(hostile.running(f"touch '{struck}'")))
    manifest = manifest_for(path, network="resnet50")
    answer: Any = environment.ask("open_weights", "ours", manifest, folder / "refused")
    assert "hostile.pth is damaged, or refused" in answer["error"]
    assert not struck.exists()


def test_without_torch_the_error_says_what_to_install(
    folder: Path, expected: dict[str, list[float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert np.isfinite(expected["resnet18"]).all()
    monkeypatch.setattr(torch_conversions, "torch_is_installed", lambda: False)
    manifest = manifest_for(folder / "resnet18.pth", network="resnet18")
    with pytest.raises(
        ConfigurationError, match=r"EMBEDDING_MODEL_PATH: resnet18\.pth needs torch: .*gpu\.txt"
    ):
        open_embedder(EmbedderChoice("ours"), manifest_path=manifest, fetched_folder=tmp_path)
