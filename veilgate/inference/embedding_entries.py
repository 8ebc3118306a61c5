"""What the manifest says of embedders alone."""

from pathlib import Path

from veilgate.inference.embedding_spec import IMAGENET_MEAN, IMAGENET_STD, EmbeddingSpec, Fit, NamedFile
from veilgate.inference.manifest_table import ManifestTable
from veilgate.inference.model_spec import Adapter

_OF_TEXTS = frozenset({"text_source", "text_sha256", "tokenizer_source", "tokenizer_sha256"})
EMBEDDING_KEYS = frozenset({"input_size", "mean", "std", "fit", "network"}) | _OF_TEXTS
# More than any network for pictures takes, and a batch of it still fits in memory.
_LARGEST_INPUT_PX = 1024


def parse_embedding(entry: ManifestTable, adapter: Adapter, *, folder: Path) -> EmbeddingSpec:
    """Raises `ConfigurationError`."""
    if adapter is not Adapter.CLIP and any(map(entry.has, _OF_TEXTS)):
        raise entry.wrong(f"{', '.join(sorted(_OF_TEXTS))} are for the adapter {Adapter.CLIP}")
    return EmbeddingSpec(
        mean=_levels(entry, "mean", default=IMAGENET_MEAN, low=0.0),
        std=_levels(entry, "std", default=IMAGENET_STD, low=0.001),
        fit=Fit(entry.choice("fit", Fit, default=Fit.SQUEEZE)),
        input_size_px=int(entry.number("input_size", low=16, high=_LARGEST_INPUT_PX, default=224)),
        network=entry.text("network") if adapter is Adapter.TORCHVISION else "",
        text=_named_file(entry, "text", ".onnx", folder=folder) if adapter is Adapter.CLIP else None,
        tokenizer=_named_file(entry, "tokenizer", ".json", folder=folder)
        if adapter is Adapter.CLIP
        else None,
    )


def _levels(
    entry: ManifestTable, key: str, *, default: tuple[float, float, float], low: float
) -> tuple[float, float, float]:
    red, green, blue = entry.numbers(key, count=3, default=default)
    if min(red, green, blue) < low or max(red, green, blue) > 1:
        raise entry.wrong(f"{key} must list 3 numbers from {low:g} to 1, in parts of 255")
    return red, green, blue


def _named_file(entry: ManifestTable, name: str, suffix: str, *, folder: Path) -> NamedFile:
    text = entry.text(f"{name}_source")
    if not text.startswith("file:") or not text.lower().endswith(suffix):
        raise entry.wrong(f"{name}_source is {text!r}; it must be file:<path of a {suffix} file>")
    return NamedFile(folder / text.removeprefix("file:"), entry.sha256(f"{name}_sha256"))
