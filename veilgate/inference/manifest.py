"""`models/manifest.toml`: which models there are, and which one a setting means."""

import hashlib
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from veilgate.domain.errors import ConfigurationError
from veilgate.inference.manifest_entries import parse_entry
from veilgate.inference.model_spec import (
    Adapter,
    ClassAction,
    Download,
    LocalFile,
    ModelKind,
    ModelSpec,
    PackageFile,
)
from veilgate.inference.veil_classes import OWN_FILE_TARGETS, names_in, veiled_labels, wanted_targets

__all__ = [
    "Adapter",
    "ClassAction",
    "Download",
    "LocalFile",
    "Manifest",
    "ModelKind",
    "ModelSpec",
    "PackageFile",
    "read_manifest",
    "sha256_of",
]

_DETECTORS_OF_FILES = {".onnx": Adapter.YOLO, ".pt": Adapter.ULTRALYTICS_PT}
_EMBEDDERS_OF_FILES = {".onnx": Adapter.ONNX, ".pth": Adapter.TORCHVISION}
# What Ultralytics itself starts from; the settings of the house are asked first.
_OWN_DETECTOR_THRESHOLD = 0.25
# High: a picture that is called another's double and is none does more harm than one that is missed.
_OWN_EMBEDDER_THRESHOLD = 0.95
# Protobuf, which ONNX is written in, ends here.
_LARGEST_FILE_BYTES = 2**31
# Results carry the id in every event.
_LONGEST_ID_STEM = 60


@dataclass(frozen=True, slots=True)
class Manifest:
    models: tuple[ModelSpec, ...]

    def resolve(self, setting_value: str, kind: ModelKind) -> ModelSpec:
        """The model a setting means: an id of this manifest, or the path of a file.

        A file is recognised by its sha256, else by its file name, as a manifest model retrained; any other is
        taken for the user's own: a detector by Ultralytics, an embedder as ONNX. Raises `ConfigurationError`,
        naming the setting.
        """
        offered = {spec.id: spec for spec in self.models if spec.kind is kind}
        if setting_value in offered:
            return offered[setting_value]
        path = Path(setting_value)
        adapters = _EMBEDDERS_OF_FILES if kind is ModelKind.EMBEDDER else _DETECTORS_OF_FILES
        if path.suffix.lower() not in adapters:
            known = ", ".join(sorted(offered))
            raise kind.wrong(
                f"{setting_value!r} is neither an {' or '.join(adapters)} file "
                f"nor {kind.noun} model of the manifest: {known}"
            )
        sha256, size_bytes = _content_of(path, kind)
        spec = _recognise(path, sha256, tuple(offered.values())) or _own_model(
            path, sha256, kind, adapter=adapters[path.suffix.lower()]
        )
        return replace(spec, source=LocalFile(path), sha256=sha256, size_bytes=size_bytes)

    def veil_targets(self, setting_value: str, blur_targets: str) -> tuple[str, ...]:
        """The classes that FACE_DETECTION_MODEL_PATH and BLUR_TARGETS have veiled.

        No model is opened, so that of a user's file nobody knows yet whether it has them: the worker checks.
        A file that is not on this machine counts as the user's own. Raises `ConfigurationError`.
        """
        try:
            spec = self.resolve(setting_value, ModelKind.FACES)
        except ConfigurationError:
            if Path(setting_value).suffix.lower() not in _DETECTORS_OF_FILES:
                raise
            return names_in(blur_targets) or OWN_FILE_TARGETS
        if spec.classes:
            return veiled_labels(spec, blur_targets, offered=tuple(spec.classes))
        return wanted_targets(spec, blur_targets)


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest file; raises `ConfigurationError` that says which entry is wrong and how."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"the model manifest {path} cannot be read: {error}") from error
    entries = document.get("model", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigurationError("the model manifest must list its models as [[model]] tables")
    specs = tuple(
        parse_entry(entry, position, folder=path.parent) for position, entry in enumerate(entries, start=1)
    )
    ids = [spec.id for spec in specs]
    for model_id in ids:
        if ids.count(model_id) > 1:
            raise ConfigurationError(f"the model manifest lists the id {model_id!r} twice")
    return Manifest(specs)


def sha256_of(data: bytes | bytearray) -> str:
    return hashlib.sha256(data).hexdigest()


def _content_of(path: Path, kind: ModelKind) -> tuple[str, int]:
    """The file's sha256 and size."""
    try:
        # Asked first: a pipe or a device would never end.
        if not path.is_file():
            raise kind.wrong(f"{str(path)!r} cannot be read ({_not_a_file(path)})")
        size_bytes = path.stat().st_size
        if size_bytes > _LARGEST_FILE_BYTES:
            raise kind.wrong(f"{str(path)!r} is larger than a model can be (2 GiB)")
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise kind.wrong(f"{str(path)!r} cannot be read ({error.strerror})") from error
    if size_bytes == 0:
        raise kind.wrong(f"{str(path)!r} is empty")
    return sha256, size_bytes


def _not_a_file(path: Path) -> str:
    if not path.exists():
        return "there is no such file"
    return "it is a folder" if path.is_dir() else "it is not a file"


def _own_model(path: Path, sha256: str, kind: ModelKind, *, adapter: Adapter) -> ModelSpec:
    """A model of the user's own, of which nothing else is known."""
    if adapter is Adapter.TORCHVISION:
        raise kind.wrong(f"{path.name} has neither sha256 nor name of a .pth file of the manifest")
    embeds = kind is ModelKind.EMBEDDER
    return ModelSpec(
        id=f"{path.stem[:_LONGEST_ID_STEM]}@{sha256[:12]}",
        kind=kind,
        adapter=adapter,
        source=None,
        sha256=None,
        size_bytes=None,
        licence="unknown",
        default_threshold=_OWN_EMBEDDER_THRESHOLD if embeds else _OWN_DETECTOR_THRESHOLD,
        classes={},
    )


def _recognise(path: Path, sha256: str, offered: tuple[ModelSpec, ...]) -> ModelSpec | None:
    for spec in offered:
        if spec.is_of(sha256):
            return spec
    for spec in offered:
        if spec.file_name and spec.file_name.lower() == path.name.lower():
            # Results carry the id, and these are other weights: the id must tell them apart.
            return replace(spec, id=f"{spec.id}@{sha256[:12]}")
    return None
