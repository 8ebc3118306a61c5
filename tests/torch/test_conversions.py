"""A checkpoint is converted once, whatever happens meanwhile."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.torch.gpu_environment import GpuEnvironment, answer_of
from tests.waiting import wait_until
from veilgate.domain.errors import ConfigurationError
from veilgate.inference import torch_conversions
from veilgate.inference.detector_options import DetectorOptions
from veilgate.inference.manifest import Manifest, ModelKind
from veilgate.inference.models import load_model

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def folder(converted_folder: Path, tmp_path: Path) -> Path:
    """A copy of a models folder with one conversion in it."""
    return Path(shutil.copytree(converted_folder, tmp_path / "models"))


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "converted").glob("[!.]*"))


def leftovers(folder: Path) -> list[Path]:
    return sorted((folder / "converted").glob(".making-*"))


def open_here(checkpoint: Path, folder: Path) -> None:
    """Opens the model in this process; whoever is asked to convert finds torch missing."""
    spec = Manifest(()).resolve(str(checkpoint), ModelKind.FACES)
    load_model(spec, folder=folder, options=DetectorOptions())


@pytest.fixture
def _without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_conversions, "torch_is_installed", lambda: False)


def test_the_second_start_uses_what_the_first_made(
    environment: GpuEnvironment, car_face_blur: Path, folder: Path
) -> None:
    (entry,) = entries(folder)
    before = (entry / "model.bin").stat().st_ino
    answer = environment.ask("open_model", car_face_blur, folder)
    assert answer["error"] is None
    assert answer["torch"] is False
    assert sorted(answer["found"]) == ["car", "face"]
    assert "model.converting" not in answer["log"]
    assert (entry / "model.bin").stat().st_ino == before
    assert (
        answer["took_s"] < 10
    )  # 0.6 s alone; a conversion takes 4 s alone, and torch has to be loaded for it


@pytest.mark.usefixtures("_without_torch")
def test_what_was_converted_needs_no_torch(car_face_blur: Path, folder: Path) -> None:
    open_here(car_face_blur, folder)


@pytest.mark.usefixtures("_without_torch")
def test_without_torch_the_error_says_what_to_install(car_face_blur: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"FACE_DETECTION_MODEL_PATH: .*requirements-gpu\.txt"):
        open_here(car_face_blur, tmp_path)


def shorten(entry: Path) -> None:
    os.truncate(entry / "model.bin", 1000)


def change_a_weight(entry: Path) -> None:
    weights = bytearray((entry / "model.bin").read_bytes())
    weights[500] ^= 1
    (entry / "model.bin").write_bytes(weights)


def lose_the_note(entry: Path) -> None:
    (entry / "model.json").unlink()


def empty_the_note(entry: Path) -> None:
    (entry / "model.json").write_text("{}")


def become_a_file(entry: Path) -> None:
    shutil.rmtree(entry)
    entry.write_text("not a folder")


DAMAGES = [shorten, change_a_weight, lose_the_note, empty_the_note, become_a_file]


@pytest.mark.usefixtures("_without_torch")
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_as_it_was_written_is_not_used(
    car_face_blur: Path, folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(*entries(folder))
    with pytest.raises(ConfigurationError, match="needs torch"):
        open_here(car_face_blur, folder)


@pytest.mark.parametrize("damage", [shorten, become_a_file])
def test_what_is_damaged_is_made_anew(
    environment: GpuEnvironment, car_face_blur: Path, folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(*entries(folder))
    answer = environment.ask("open_model", car_face_blur, folder)
    assert answer["error"] is None, answer
    assert "model.converted" in answer["log"]
    assert (len(entries(folder)), leftovers(folder)) == (1, [])


def test_two_starts_at_once_convert_once(
    environment: GpuEnvironment, car_face_blur: Path, tmp_path: Path
) -> None:
    starts = [environment.start("open_model", car_face_blur, tmp_path) for _ in range(2)]
    answers = [answer_of(start) for start in starts]
    assert [answer["error"] for answer in answers] == [None, None]
    assert answers[0]["found"] == answers[1]["found"]
    assert sum("model.converted" in answer["log"] for answer in answers) == 1
    assert sum("model.conversion_awaited" in answer["log"] for answer in answers) == 1
    assert (len(entries(tmp_path)), leftovers(tmp_path)) == (1, [])


def converter_of(start: subprocess.Popen[str]) -> int:
    """Its process id, once it is at work."""
    children = Path(f"/proc/{start.pid}/task/{start.pid}/children")

    def found() -> int | None:
        assert start.poll() is None, "it ended before it could be killed"
        started = [int(pid) for pid in children.read_text().split()]
        return next((pid for pid in started if b"torch_convert" in _command_line(pid)), None)

    return wait_until(found, timeout_s=60, what="the converter")


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_start_that_is_killed_leaves_nothing_for_good(
    environment: GpuEnvironment, car_face_blur: Path, tmp_path: Path
) -> None:
    start = environment.start("open_model", car_face_blur, tmp_path)
    converter = converter_of(start)
    os.kill(start.pid, signal.SIGKILL)
    wait_until(lambda: not _command_line(converter), timeout_s=10, what="the converter's end")
    start.communicate(timeout=60)
    assert entries(tmp_path) == []
    answer = environment.ask("open_model", car_face_blur, tmp_path)
    assert answer["error"] is None, answer
    assert "model.conversion_awaited" not in answer["log"]
    assert (len(entries(tmp_path)), leftovers(tmp_path)) == (1, [])


def test_a_converter_that_is_killed_is_said_and_leaves_nothing(
    environment: GpuEnvironment, car_face_blur: Path, tmp_path: Path
) -> None:
    start = environment.start("open_model", car_face_blur, tmp_path)
    os.kill(converter_of(start), signal.SIGKILL)
    answer = answer_of(start)
    assert answer["error"] == (
        "FACE_DETECTION_MODEL_PATH: Car Face Blur Model.pt could not be converted to OpenVINO "
        "(the converter was killed by signal 9); the log has its last words"
    )
    assert (entries(tmp_path), leftovers(tmp_path)) == ([], [])


@pytest.mark.usefixtures("_without_torch")
def test_a_folder_that_cannot_be_made_names_the_setting(car_face_blur: Path, tmp_path: Path) -> None:
    (tmp_path / "converted").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"FACE_DETECTION_MODEL_PATH: .* cannot be converted in"):
        open_here(car_face_blur, tmp_path)
