"""`veilgate models`: what is measured is what a worker runs, and what is wrong is named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.integration.api.gateway import Processes

MAGENTA, GREY = (255, 0, 255), (114, 114, 114)
FACES = ("fake", "fake")


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    (tmp_path / "house").mkdir()
    return Processes(tmp_path / "house", "unix:///nowhere/redis.sock")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three pictures of two sources: two faces, one face beside a magenta ball, and nothing."""
    folder = tmp_path / "data"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    (folder / "classes.txt").write_text("hat\nface\n")
    left, right = (20, 30, 60, 70), (100, 40, 112, 52)
    add(folder, "one_1", painted=[left, right], labelled=[left, right])
    add(folder, "one_2", painted=[left, right], labelled=[left])
    add(folder, "two_1", painted=[], labelled=[])
    return folder


def add(folder: Path, name: str, *, painted: list[tuple[int, ...]], labelled: list[tuple[int, ...]]) -> None:
    pixels = np.full((120, 160, 3), GREY, np.uint8)
    for x1, y1, x2, y2 in painted:
        pixels[y1:y2, x1:x2] = MAGENTA
    Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
    lines = (
        f"1 {(x1 + x2) / 320} {(y1 + y2) / 240} {(x2 - x1) / 160} {(y2 - y1) / 120}\n"
        for x1, y1, x2, y2 in labelled
    )
    (folder / "labels" / f"{name}.txt").write_text("".join(lines))


def asked(processes: Processes, *words: str) -> str:
    answer = processes.ask("-m", "veilgate", "models", *words)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_manifest_is_listed_with_what_is_here(processes: Processes) -> None:
    rows = {line.split()[0]: line.split()[1:] for line in asked(processes, "list").splitlines()}
    assert rows["ID"] == ["KIND", "FILE", "LICENCE"]
    assert rows["centerface"] == ["faces", "here", "MIT"]
    assert rows["fastestdet"] == ["vehicles", "missing", "BSD-3-Clause"]
    for ours in ("vehicles-v1", "vehicles-v1-int8"):
        assert rows[ours] == ["vehicles", "here", "MIT"]
    assert rows["fake"] == ["faces", "none", "needed", "MIT"]


def test_models_are_measured_side_by_side(processes: Processes, data: Path) -> None:
    words = ("evaluate", "--model", *FACES, "--data", str(data))
    found: dict[str, Any] = json.loads(asked(processes, *words, "--json"))
    assert found["models"] == list(FACES)
    one, two, every = found["parts"]
    assert [(part["source"], part["pictures"]) for part in (one, two, every)] == [
        ("one", 2),
        ("two", 1),
        ("all", 3),
    ]
    assert two["qualities"][0]["ap50"] == {"face": None}
    # Four finds, all as sure as each other, of which three are right; there are three faces.
    for quality in every["qualities"]:
        assert quality["ap50"] == quality["ap50_95"] == {"face": 0.75}
        assert quality["recall"]["recall"] == 0
    assert every["sizes"] == {"small": 1, "medium": 2, "large": 0}
    # It waits 50 ms each time, and has no graph.
    assert all(speed["whole_ms"] >= 50 and speed["model_ms"] == 0 for speed in found["speeds"])
    lines = asked(processes, *words).splitlines()
    assert "all: 3 pictures, 3 boxes (3 face)" in lines
    assert [line.split() for line in lines if "AP50 mean" in line][-1] == ["AP50", "mean", "0.750", "0.750"]


def test_a_real_model_finds_real_vehicles(
    processes: Processes, tmp_path: Path, shared_models: Path, shared_data: Path
) -> None:
    folder, given = tmp_path / "vehicles", shared_data / "vehicles"
    for name, ending in (("images", "jpg"), ("labels", "txt")):
        (folder / name).mkdir(parents=True)
        for path in sorted((given / "train" / name).glob(f"openimages_*.{ending}"))[:12]:
            (folder / name / path.name).symlink_to(path)
    (folder / "classes.txt").write_text((given / "classes.txt").read_text())
    fastest = str(shared_models / "FastestDet.onnx")
    found = json.loads(
        asked(processes, "evaluate", "--model", fastest, "--model", fastest, "--data", str(folder), "--json")
    )
    assert found["models"] == ["fastestdet", "fastestdet"]
    quality, same = found["parts"][-1]["qualities"]
    assert quality == same
    assert quality["any_ap50"] > 0.3
    for speed in found["speeds"]:
        assert 0 < speed["model_ms"] < speed["whole_ms"]
    assert found["speeds"][-1]["model_factor"] == found["speeds"][-1]["whole_factor"] == 1


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ("nobody", 78, "--model: 'nobody' is neither an .onnx or .pt file nor a vehicles model"),
        ("descriptor-v1", 78, "--model: descriptor-v1 finds no boxes; `python -m bench --only likeness`"),
        ("fastestdet", 1, "--model: the file of model fastestdet is not there: FastestDet.onnx"),
    ],
)
def test_a_model_that_cannot_be_measured_is_named(
    processes: Processes, data: Path, model: str, code: int, said: str
) -> None:
    answer = processes.ask("-m", "veilgate", "models", "evaluate", "--model", model, "--data", str(data))
    assert (answer.returncode, answer.stdout) == (code, "")
    assert said in answer.stderr


def test_a_picture_that_cannot_be_read_is_named(processes: Processes, data: Path) -> None:
    (data / "images" / "one_2.png").write_bytes(b"GIF89a, or so it says")
    answer = processes.ask("-m", "veilgate", "models", "evaluate", "--model", "fake", "--data", str(data))
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "one_2.png: " in answer.stderr


def test_a_folder_that_is_not_there_is_named(processes: Processes, tmp_path: Path) -> None:
    away = str(tmp_path / "away")
    answer = processes.ask("-m", "veilgate", "models", "evaluate", "--model", "fake", "--data", away)
    assert (answer.returncode, answer.stdout) == (78, "")
    assert answer.stderr.startswith(f"veilgate: --data: there is no folder {away};")
