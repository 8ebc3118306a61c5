"""One `[[model]]` table of the manifest, checked: every complaint names the entry."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from veilgate.domain.errors import ConfigurationError
from veilgate.inference.model_spec import (
    Adapter,
    ClassAction,
    Download,
    LocalFile,
    ModelKind,
    ModelSpec,
    PackageFile,
    Source,
)

_KEYS = frozenset(
    {"id", "kind", "adapter", "source", "sha256", "size_bytes", "licence", "default_threshold"}
    | {"classes", "labels", "delay_ms"}
)
_LARGEST_MODEL_BYTES = 2**32


def parse_entry(table: Mapping[str, Any], position: int, *, folder: Path) -> ModelSpec:
    """Read the `position`th table; `file:` sources are relative to `folder`. Raises `ConfigurationError`."""
    entry = _Entry(table, position)
    entry.refuse_unknown(_KEYS)
    adapter = Adapter(entry.choice("adapter", Adapter))
    kind = ModelKind(entry.choice("kind", ModelKind))
    source = _parse_source(entry, folder)
    sha256, size_bytes = _parse_content(entry, source)
    spec = ModelSpec(
        id=entry.text("id"),
        kind=kind,
        adapter=adapter,
        source=source,
        sha256=sha256,
        size_bytes=size_bytes,
        licence=entry.text("licence"),
        default_threshold=entry.number("default_threshold", low=0.01, high=0.99),
        classes=entry.classes(kind),
        labels=entry.labels(adapter),
        delay_s=entry.number("delay_ms", low=0, high=60_000, default=0) / 1000,
    )
    ending = Path(spec.file_name).suffix.lower() if spec.file_name else None
    if ending != adapter.suffix:
        raise entry.wrong(f"the adapter {adapter} takes {adapter.suffix or 'no'} files")
    return spec


def _parse_source(entry: "_Entry", folder: Path) -> Source:
    text = entry.text("source")
    if text == "none":
        return None
    if text.startswith("package:"):
        package, _, path = text.removeprefix("package:").partition("/")
        if package.isidentifier() and path:
            return PackageFile(package, path)
    elif text.startswith("file:") and text != "file:":
        return LocalFile(folder / text.removeprefix("file:"))
    elif text.startswith(("https://", "http://")):
        download = Download(text)
        if download.file_name.endswith(".onnx"):
            return download
    raise entry.wrong(
        f"source is {text!r}; it must be package:<package>/<file>, file:<path>, "
        "the address of an .onnx file, or none"
    )


def _parse_content(entry: "_Entry", source: Source) -> tuple[str | None, int | None]:
    if source is None:
        return None, None
    sha256 = entry.text("sha256")
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise entry.wrong("sha256 must be 64 hexadecimal digits in lower case")
    if isinstance(source, LocalFile):
        return sha256, None
    return sha256, int(entry.number("size_bytes", low=1, high=_LARGEST_MODEL_BYTES))


class _Entry:
    """Typed access to one manifest table."""

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

    def classes(self, kind: ModelKind) -> dict[str, ClassAction]:
        table = self._table.get("classes")
        if not isinstance(table, dict) or not table:
            raise self.wrong("classes must map at least one label to veil or report")
        for label, action in table.items():
            if action not in list(ClassAction):
                raise self.wrong(f"class {label!r} has the action {action!r}; it must be veil or report")
            if kind is ModelKind.VEHICLES and action == ClassAction.VEIL:
                # Its stage may be left out, and then nothing would be veiled.
                raise self.wrong(f"class {label!r} cannot be veiled by a model of vehicles, only reported")
        return {label: ClassAction(action) for label, action in table.items()}

    def labels(self, adapter: Adapter) -> tuple[str, ...]:
        names = self._table.get("labels", [])
        if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
            raise self.wrong("labels must list the names of the model's classes in their order")
        if names and adapter is not Adapter.YOLO:
            raise self.wrong(f"labels are for the adapter {Adapter.YOLO}, not for {adapter}")
        return tuple(names)
