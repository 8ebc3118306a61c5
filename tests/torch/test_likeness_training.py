"""The training of the embedder: what it teaches, that a kill costs nothing, and what it writes."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.torch.gpu_environment import GpuEnvironment
from tests.waiting import wait_until
from veilgate.inference.embedder_models import EmbedderChoice, open_embedder

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def unbroken(environment: GpuEnvironment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A training from its first step to its last."""
    out = tmp_path_factory.mktemp("training") / "unbroken"
    return {**environment.ask("train_likeness", out), "out": out}


def test_a_killed_training_ends_with_the_same_weights(
    environment: GpuEnvironment, unbroken: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    process = environment.start("train_likeness", out)
    log = out / "log.csv"
    # Of 60; rows of earlier steps are remembered by then.
    wait_until(lambda: log.exists() and len(log.read_text().split()) > 3, what="30 steps", timeout_s=240)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (out / "likeness-v1.onnx").exists(), "it was killed in the middle"
    again = environment.ask("train_likeness", out)
    assert again["began_at"] >= 28
    assert again["weights"] == unbroken["weights"]
    losses = [(folder / "log.csv").read_text().split(",")[-3:] for folder in (out, unbroken["out"])]
    assert losses[0] == losses[1]


def test_its_file_answers_as_the_network_does(unbroken: dict[str, Any]) -> None:
    assert unbroken["difference"] < 0.001
    assert 0.05 < unbroken["measured"]["recall_at_1"] <= 1
    assert (unbroken["out"] / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_wider_network_fits_too(unbroken: dict[str, Any]) -> None:
    assert unbroken["bytes_of_wide"] <= 8_000_000


def test_the_house_loads_it_by_path(unbroken: dict[str, Any], tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.toml"
    manifest.write_text("")
    choice = EmbedderChoice(str(unbroken["out"] / "likeness-v1.onnx"))
    embedder = open_embedder(choice, manifest_path=manifest, fetched_folder=tmp_path)
    rng = np.random.default_rng(1)
    noise, flat = rng.integers(0, 256, (60, 90, 3), np.uint8), np.full((60, 90, 3), 90, np.uint8)
    first, second = embedder.embed([noise, flat])
    assert first.shape == (32,)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    assert float(first @ second) < 0.99


@pytest.fixture(scope="module")
def parts(environment: GpuEnvironment) -> dict[str, Any]:
    answer: dict[str, Any] = environment.ask("likeness_parts")
    return answer


def test_the_nearer_a_copy_the_smaller_the_loss(parts: dict[str, Any]) -> None:
    loss = parts["loss"]
    assert loss["of_equals"] < loss["of_copies"] < loss["of_strangers"]


def test_what_shows_the_same_scene_is_not_pushed_away(parts: dict[str, Any]) -> None:
    assert parts["loss"]["push_of_a_stranger"] > 0
    assert parts["loss"]["push_of_the_same_scene"] == 0


def test_a_mirror_image_is_not_foreign(parts: dict[str, Any]) -> None:
    assert parts["foreign"] == [
        [False, True, False, True],
        [True, False, True, True],
        [False, True, False, True],
        [True, True, True, True],
    ]


def test_a_seed_makes_the_same_views_again(parts: dict[str, Any]) -> None:
    views = parts["views"]
    assert views["same_seed"] == 0
    assert views["other_seed"] > 0.02
    assert views["least_changed"] > 0
    assert 0 <= views["range"][0] < views["range"][1] <= 1


def test_coarse_steps_change_what_fine_ones_leave(parts: dict[str, Any]) -> None:
    assert parts["views"]["finest_jpeg"] < 0.01
    assert parts["views"]["coarse_jpeg"] > parts["views"]["finest_jpeg"]
