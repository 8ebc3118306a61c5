"""What is not an Ultralytics detection checkpoint is refused in one line, and nothing of it runs."""

import zipfile
from pathlib import Path

import pytest

from tests.torch import hostile
from tests.torch.gpu_environment import GpuEnvironment

pytestmark = pytest.mark.timeout(1200)  # the first test installs the environment


def outcomes(environment: GpuEnvironment, files: dict[str, bytes], folder: Path) -> dict[str, str]:
    """What becomes of each file, by its name, when it is read as a checkpoint."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    answer = environment.ask("read_checkpoints", *(folder / name for name in files))
    return {name: answer[str(folder / name)] for name in files}


def test_nothing_in_a_pickle_runs(environment: GpuEnvironment, tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    harm.mkdir()
    text = hostile.touching(harm / "evaluated")
    pickles = {
        "system": hostile.running(f"touch '{harm / 'system'}'"),
        "eval": hostile.calling(eval, text),
        "getattr": hostile.getting("ultralytics.nn.tasks", "DetectionModel", "__init__"),
        "hub": hostile.calling_by_name("torch.hub", "load", str(harm)),
        "function of ours": hostile.calling_by_name("ultralytics.nn.tasks", "torch_safe_load", "x.pt"),
        "module of a module": hostile.calling_by_name("ultralytics.nn.modules.block.torch", "load", "x.pt"),
        # A class that is needed, called with a text that its constructor evaluates.
        "constructor": hostile.calling_by_name(
            "ultralytics.nn.tasks", "DetectionModel", hostile.in_a_layer(text)
        ),
    }
    files = {f"{name}.pt": hostile.checkpoint(data) for name, data in pickles.items()}
    refused = outcomes(environment, files, tmp_path)
    assert list(harm.iterdir()) == []
    assert "'posix.system'" in refused["system.pt"]
    assert "'builtins.eval'" in refused["eval.pt"]
    assert "getattr of '__init__'" in refused["getattr.pt"]
    assert "'torch.hub.load'" in refused["hub.pt"]
    assert "'ultralytics.nn.tasks.torch_safe_load'" in refused["function of ours.pt"]
    assert "'ultralytics.nn.modules.block.torch.load'" in refused["module of a module.pt"]
    assert not [outcome for outcome in refused.values() if outcome.startswith("names: ") or "\n" in outcome]


def test_the_constructor_would_have_run_it(environment: GpuEnvironment, tmp_path: Path) -> None:
    """Else the test above proves nothing about constructors."""
    configuration = tmp_path / "harm.pt"
    harm = tmp_path / "evaluated"
    configuration.write_bytes(
        hostile.calling_by_name(
            "ultralytics.nn.tasks", "DetectionModel", hostile.in_a_layer(hostile.touching(harm))
        )
    )
    environment.ask("read_unsafely", configuration, YOLO_CONFIG_DIR=str(tmp_path), YOLO_OFFLINE="true")
    assert harm.exists()


def test_a_start_names_the_setting_and_what_was_refused(environment: GpuEnvironment, tmp_path: Path) -> None:
    file, harm = tmp_path / "Car Face Blur Model.pt", tmp_path / "harm"
    file.write_bytes(hostile.checkpoint(hostile.running(f"touch '{harm}'")))
    answer = environment.ask("open_model", file, tmp_path / "models")
    assert answer["error"] == (
        "FACE_DETECTION_MODEL_PATH: Car Face Blur Model.pt is refused: it wants to load 'posix.system', "
        "which no Ultralytics detection model needs; nothing of it was run"
    )
    assert not harm.exists()
    assert list((tmp_path / "models" / "converted").glob("[!.]*")) == []


def test_other_files_are_refused_in_a_line_each(
    environment: GpuEnvironment, models: Path, tmp_path: Path
) -> None:
    whole = (models / "Car Face Blur Model.pt").read_bytes()
    without_pickle = tmp_path / "zip"
    with zipfile.ZipFile(without_pickle, "w") as archive:
        archive.writestr("notes.txt", "not a model")
    made = {path.name: path.read_bytes() for path in models.glob("*.pt")} | {
        "cut short.pt": whole[: len(whole) // 2],
        "zip.pt": without_pickle.read_bytes(),
        "picture.pt": b"\xff\xd8\xff\xe0" + bytes(1000),
        "protocol 4.pt": hostile.checkpoint(b"\x80\x04\x95."),
        "weights changed.pt": whole.replace(b"DetectionModel", b"DetectionXodel"),
    }
    said = outcomes(environment, made, tmp_path)
    assert said.pop("Car Face Blur Model.pt") == "names: face, car"
    expected = {
        "cut short.pt": "damaged or cut short",
        "zip.pt": "is not an Ultralytics checkpoint",
        "picture.pt": "no .pt file at all",
        "protocol 4.pt": "is not an Ultralytics checkpoint",
        "weights changed.pt": "is refused: it wants to load 'ultralytics.nn.tasks.DetectionXodel'",
        "state_dict.pt": "holds weights alone (a state_dict)",
        "plain torch.pt": "is a Conv2d; only a DetectionModel finds boxes",
        "empty.pt": "holds no Ultralytics model",
        "torchscript.pt": "torchscript",
        "segmentation.pt": "is a SegmentationModel; only a DetectionModel finds boxes",
        "pose.pt": "is a PoseModel",
        "classify.pt": "is a ClassificationModel",
        "misnamed.pt": "names 1 classes and tells 2 apart",
    }
    assert said.keys() == expected.keys()
    for name, part in expected.items():
        assert part in said[name], f"{name}: {said[name]}"
        assert "\n" not in said[name]
