"""One `[[model]]` table of the manifest, checked: every complaint names the entry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from veilgate.inference.embedding_entries import EMBEDDING_KEYS, parse_embedding
from veilgate.inference.embedding_spec import EmbeddingSpec
from veilgate.inference.manifest_table import ManifestTable
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
    {"id", "kind", "adapter", "source", "sha256", "size_bytes", "licence", "default_threshold", "delay_ms"}
)
_DETECTOR_KEYS = frozenset({"classes", "labels"})
_LARGEST_MODEL_BYTES = 2**32
# What PyTorch's own downloads are checked with: it stands in the file's name.
_SHORTEST_SHA256 = 8


def parse_entry(table: Mapping[str, Any], position: int, *, folder: Path) -> ModelSpec:
    """Read the `position`th table; `file:` sources are relative to `folder`. Raises `ConfigurationError`."""
    entry = ManifestTable(table, position)
    adapter = Adapter(entry.choice("adapter", Adapter))
    kind = ModelKind(entry.choice("kind", ModelKind))
    embeds = kind is ModelKind.EMBEDDER
    if adapter.embeds != embeds:
        raise entry.wrong(f"the adapter {adapter} is none for {kind.noun} model")
    if adapter is Adapter.VEILGATE and kind is ModelKind.FACES:
        raise entry.wrong("the adapter veilgate is for vehicles: of its classes the surest hides the others")
    entry.refuse_unknown(_KEYS | (EMBEDDING_KEYS if embeds else _DETECTOR_KEYS))
    source = _parse_source(entry, folder, adapter)
    sha256, size_bytes = _parse_content(entry, source, embeds=embeds)
    spec = ModelSpec(
        id=entry.text("id"),
        kind=kind,
        adapter=adapter,
        source=source,
        sha256=sha256,
        size_bytes=size_bytes,
        licence=entry.text("licence"),
        default_threshold=entry.number("default_threshold", low=0.01, high=0.99),
        classes={} if embeds else _parse_classes(entry, kind),
        labels=() if embeds else _parse_labels(entry, adapter),
        delay_s=entry.number("delay_ms", low=0, high=60_000, default=0) / 1000,
        embedding=parse_embedding(entry, adapter, folder=folder) if embeds else EmbeddingSpec(),
    )
    ending = Path(spec.file_name).suffix.lower() if spec.file_name else None
    if ending != adapter.suffix:
        raise entry.wrong(f"the adapter {adapter} takes {adapter.suffix or 'no'} files")
    return spec


def _parse_source(entry: ManifestTable, folder: Path, adapter: Adapter) -> Source:
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
        if download.file_name.endswith((".onnx", ".pth") if adapter.embeds else ".onnx"):
            return download
    raise entry.wrong(
        f"source is {text!r}; it must be package:<package>/<file>, file:<path>, "
        "the address of an .onnx file, or none"
    )


def _parse_content(entry: ManifestTable, source: Source, *, embeds: bool) -> tuple[str | None, int | None]:
    if source is None:
        return None, None
    may_begin = embeds and isinstance(source, Download)
    sha256 = entry.sha256("sha256", shortest=_SHORTEST_SHA256 if may_begin else 64)
    # Who gives only the beginning of a sha256 gives no size either.
    if isinstance(source, LocalFile) or (len(sha256) < 64 and not entry.has("size_bytes")):
        return sha256, None
    return sha256, int(entry.number("size_bytes", low=1, high=_LARGEST_MODEL_BYTES))


def _parse_classes(entry: ManifestTable, kind: ModelKind) -> dict[str, ClassAction]:
    table = entry.value("classes")
    if not isinstance(table, dict) or not table:
        raise entry.wrong("classes must map at least one label to veil or report")
    for label, action in table.items():
        if action not in list(ClassAction):
            raise entry.wrong(f"class {label!r} has the action {action!r}; it must be veil or report")
        if kind is ModelKind.VEHICLES and action == ClassAction.VEIL:
            # Its stage may be left out, and then nothing would be veiled.
            raise entry.wrong(f"class {label!r} cannot be veiled by a model of vehicles, only reported")
    return {label: ClassAction(action) for label, action in table.items()}


def _parse_labels(entry: ManifestTable, adapter: Adapter) -> tuple[str, ...]:
    names = entry.value("labels") if entry.has("labels") else []
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise entry.wrong("labels must list the names of the model's classes in their order")
    if names and adapter is not Adapter.YOLO:
        raise entry.wrong(f"labels are for the adapter {Adapter.YOLO}, not for {adapter}")
    return tuple(names)
