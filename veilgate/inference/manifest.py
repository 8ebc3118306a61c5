"""`models/manifest.toml`: which models there are, and which one a setting means."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from veilgate.domain.errors import ConfigurationError


class ModelKind(StrEnum):
    FACES = "faces"
    VEHICLES = "vehicles"

    @property
    def setting(self) -> str:
        """The name of the setting that chooses the model of this kind."""
        return "FACE_DETECTION_MODEL_PATH" if self is ModelKind.FACES else "VEHICLE_DETECTION_MODEL_PATH"


class Adapter(StrEnum):
    """The code that speaks a model's language."""

    CENTERFACE = "centerface"
    FASTESTDET = "fastestdet"
    FAKE = "fake"


class ClassAction(StrEnum):
    VEIL = "veil"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file inside an installed Python package."""

    package: str
    path: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be fetched once."""

    url: str

    @property
    def file_name(self) -> str:
        return urlsplit(self.url).path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that a setting named."""

    path: Path


Source = PackageFile | Download | LocalFile | None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One line of the manifest. `sha256` is None only for a model without a file."""

    id: str
    kind: ModelKind
    adapter: Adapter
    source: Source
    sha256: str | None
    size_bytes: int | None
    licence: str
    default_threshold: float
    classes: Mapping[str, ClassAction]
    delay_s: float = 0.0

    @property
    def file_name(self) -> str | None:
        match self.source:
            case PackageFile(path=path):
                return Path(path).name
            case Download() as download:
                return download.file_name
            case LocalFile(path=local):
                return local.name
            case None:
                return None


@dataclass(frozen=True, slots=True)
class Manifest:
    models: tuple[ModelSpec, ...]

    def resolve(self, setting_value: str, kind: ModelKind) -> ModelSpec:
        """The model a setting means: an id of this manifest, or the path of an ONNX file.

        A file is recognised by its sha256, else by its file name, as a manifest model retrained. Raises
        `ConfigurationError`, naming the setting, when it is neither.
        """
        offered = {spec.id: spec for spec in self.models if spec.kind is kind}
        if setting_value in offered:
            return offered[setting_value]
        path = Path(setting_value)
        if path.suffix.lower() == ".pt":
            raise _wrong(kind, f"{setting_value!r} needs torch and ultralytics; only .onnx files run here")
        if path.suffix.lower() == ".onnx":
            return _recognise(path, kind=kind, offered=tuple(offered.values()))
        known = ", ".join(sorted(offered))
        raise _wrong(kind, f"{setting_value!r} is neither a file nor a {kind} model of the manifest: {known}")


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest file; raises `ConfigurationError` that says which entry is wrong and how."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"the model manifest {path} cannot be read: {error}") from error
    entries = document.get("model", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigurationError("the model manifest must list its models as [[model]] tables")
    specs = tuple(_parse_entry(entry, position) for position, entry in enumerate(entries, start=1))
    ids = [spec.id for spec in specs]
    for model_id in ids:
        if ids.count(model_id) > 1:
            raise ConfigurationError(f"the model manifest lists the id {model_id!r} twice")
    return Manifest(specs)


def sha256_of(data: bytes | bytearray) -> str:
    return hashlib.sha256(data).hexdigest()


def _wrong(kind: ModelKind, what: str) -> ConfigurationError:
    return ConfigurationError(f"{kind.setting}: {what}")


def _recognise(path: Path, *, kind: ModelKind, offered: tuple[ModelSpec, ...]) -> ModelSpec:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _wrong(kind, f"{str(path)!r} cannot be read ({error.strerror})") from error
    sha256 = sha256_of(data)
    for spec in offered:
        if spec.sha256 == sha256:
            return replace(spec, source=LocalFile(path))
    for spec in offered:
        if spec.file_name and spec.file_name.lower() == path.name.lower():
            # Results carry the id, and these are other weights: the id must tell them apart.
            retrained_id = f"{spec.id}@{sha256[:12]}"
            return replace(spec, id=retrained_id, source=LocalFile(path), sha256=sha256, size_bytes=len(data))
    names = ", ".join(sorted(spec.file_name for spec in offered if spec.file_name))
    raise _wrong(kind, f"{str(path)!r} is not a model this house knows, by its sha256 or its name ({names})")


class _Entry:
    """Typed access to one manifest table; every complaint names the entry."""

    def __init__(self, table: Mapping[str, Any], position: int) -> None:
        self._table = table
        self._name = repr(table["id"]) if isinstance(table.get("id"), str) else f"number {position}"

    def wrong(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"model manifest, entry {self._name}: {what}")

    def text(self, key: str) -> str:
        value = self._table.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(f"{key} must be a text")
        return value

    def number(self, key: str, *, low: float, high: float, default: float | None = None) -> float:
        value = self._table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(f"{key} must be a number from {low:g} to {high:g}")
        return float(value)

    def choice(self, key: str, options: type[StrEnum]) -> str:
        value = self.text(key)
        if value not in list(options):
            raise self.wrong(f"{key} is {value!r}; it must be one of {', '.join(options)}")
        return value

    def refuse_unknown(self, known: frozenset[str]) -> None:
        unknown = sorted(set(self._table) - known)
        if unknown:
            raise self.wrong(f"unknown key {unknown[0]!r}")

    def classes(self) -> dict[str, ClassAction]:
        table = self._table.get("classes")
        if not isinstance(table, dict) or not table:
            raise self.wrong("classes must map at least one label to veil or report")
        for label, action in table.items():
            if action not in list(ClassAction):
                raise self.wrong(f"class {label!r} has the action {action!r}; it must be veil or report")
        return {label: ClassAction(action) for label, action in table.items()}


_KEYS = frozenset(
    {"id", "kind", "adapter", "source", "sha256", "size_bytes", "licence", "default_threshold"}
    | {"classes", "delay_ms"}
)
_LARGEST_MODEL_BYTES = 2**32


def _parse_entry(table: Mapping[str, Any], position: int) -> ModelSpec:
    entry = _Entry(table, position)
    entry.refuse_unknown(_KEYS)
    source = _parse_source(entry)
    sha256, size_bytes = None, None
    if source is not None:
        sha256 = entry.text("sha256")
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise entry.wrong("sha256 must be 64 hexadecimal digits in lower case")
        size_bytes = int(entry.number("size_bytes", low=1, high=_LARGEST_MODEL_BYTES))
    return ModelSpec(
        id=entry.text("id"),
        kind=ModelKind(entry.choice("kind", ModelKind)),
        adapter=Adapter(entry.choice("adapter", Adapter)),
        source=source,
        sha256=sha256,
        size_bytes=size_bytes,
        licence=entry.text("licence"),
        default_threshold=entry.number("default_threshold", low=0.01, high=0.99),
        classes=entry.classes(),
        delay_s=entry.number("delay_ms", low=0, high=60_000, default=0) / 1000,
    )


def _parse_source(entry: _Entry) -> Source:
    text = entry.text("source")
    if text == "none":
        return None
    if text.startswith("package:"):
        package, _, path = text.removeprefix("package:").partition("/")
        if package.isidentifier() and path:
            return PackageFile(package, path)
    elif text.startswith(("https://", "http://")):
        download = Download(text)
        if download.file_name.endswith(".onnx"):
            return download
    raise entry.wrong(
        f"source is {text!r}; it must be package:<package>/<file>, the address of an .onnx file, or none"
    )
