"""From EMBEDDING_MODEL_PATH to an embedder that works, now or later."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from veilgate.domain.errors import ConfigurationError
from veilgate.inference.embedders.descriptor import Descriptor
from veilgate.inference.fetch import ModelFetcher
from veilgate.inference.manifest import Manifest, ModelKind, ModelSpec, read_manifest, sha256_of
from veilgate.inference.model_files import locate, read_checked
from veilgate.inference.model_slot import ModelSlot, open_slot
from veilgate.inference.model_spec import Adapter
from veilgate.inference.ports import Embedder
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EmbedderChoice:
    """What the settings ask for. Without a `near_duplicate_score` the model's own counts; `streams` pictures
    are looked at side by side."""

    setting_value: str
    near_duplicate_score: float | None = None
    streams: int = 1


def open_embedder(choice: EmbedderChoice, *, manifest_path: Path, fetched_folder: Path) -> Embedder:
    """The embedder, which must be there now. Raises `ModelMissing` when its file is not there, and
    `ConfigurationError` when it is not what it should be; both name the setting."""
    spec = read_manifest(manifest_path).resolve(choice.setting_value, ModelKind.EMBEDDER)
    return _load(locate(spec, folder=fetched_folder), spec, choice, folder=fetched_folder)


def open_embedder_slot(
    choice: EmbedderChoice, manifest: Manifest, *, folder: Path, fetch: bool
) -> tuple[ModelSlot[Embedder], ModelFetcher | None]:
    """A slot for an embedder that may be absent, or wrong; with a fetcher (not started) if one may help."""
    try:
        spec = manifest.resolve(choice.setting_value, ModelKind.EMBEDDER)
    except ConfigurationError as error:
        slot: ModelSlot[Embedder] = ModelSlot(Path(choice.setting_value).name, None)
        slot.fail(error.message)
        return slot, None
    load = partial(_load, spec=spec, choice=choice, folder=folder)
    return open_slot(spec, folder=folder, load=load, fetch=fetch)


def _load(path: Path | None, spec: ModelSpec, choice: EmbedderChoice, *, folder: Path) -> Embedder:
    score = spec.default_threshold if choice.near_duplicate_score is None else choice.near_duplicate_score
    if path is None:
        descriptor = Descriptor()
        descriptor.near_duplicate_score = score
        return descriptor
    content = read_checked(spec, path)
    # Here, because OpenVINO takes its time, and the descriptor needs none of it.
    from veilgate.inference.embedders.opening import open_clip, open_network, open_torchvision

    match spec.adapter:
        case Adapter.CLIP:
            embedder: Embedder = open_clip(spec, content, score=score, streams=choice.streams)
        case Adapter.TORCHVISION:
            embedder = open_torchvision(
                spec,
                path,
                sha256=sha256_of(content),
                folder=folder / "converted",
                score=score,
                streams=choice.streams,
            )
        case _:
            embedder = open_network(spec, content, score=score, streams=choice.streams)
    _log.info("model.loaded", model=spec.id, setting=spec.kind.setting, file=path.name, sha256=spec.sha256)
    return embedder
