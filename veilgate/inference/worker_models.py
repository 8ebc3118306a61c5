"""The models of an images worker: faces at once or not at all, vehicles when they come."""

from dataclasses import dataclass
from pathlib import Path

from veilgate.domain.errors import ConfigurationError
from veilgate.inference.fetch import ModelFetcher
from veilgate.inference.manifest import Manifest, ModelKind, ModelSpec, read_manifest
from veilgate.inference.models import DetectorOptions, DetectorSlot, load_model, open_slot
from veilgate.inference.ports import Detector
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which models the settings ask for."""

    faces: str
    faces_longest_side_px: int
    vehicles: str
    fetch: bool
    streams: int


@dataclass(frozen=True, slots=True)
class WorkerModels:
    faces_spec: ModelSpec
    faces: Detector
    vehicles: DetectorSlot
    fetcher: ModelFetcher | None

    def states(self) -> list[dict[str, str | None]]:
        """For /health: each model with its state."""
        faces = {"id": self.faces_spec.id, "state": "ready", "reason": None, "sha256": self.faces_spec.sha256}
        return [{"kind": "faces", **faces}, {"kind": "vehicles", **self.vehicles.state()}]

    def close(self) -> None:
        if self.fetcher is not None:
            self.fetcher.stop(timeout_s=1.0)


def open_worker_models(choice: ModelChoice, *, manifest_path: Path, fetched_folder: Path) -> WorkerModels:
    """Load what is there. Without its face model a worker must not run: raises `ModelMissing` or
    `ConfigurationError`. A vehicle model that is absent, or wrong, only leaves its stage out."""
    manifest = read_manifest(manifest_path)
    faces_spec = manifest.resolve(choice.faces, ModelKind.FACES)
    options = DetectorOptions(longest_side_px=choice.faces_longest_side_px, streams=choice.streams)
    faces = load_model(faces_spec, folder=fetched_folder, options=options)
    vehicles, fetcher = _open_vehicles(manifest, choice, fetched_folder)
    if fetcher is not None:
        fetcher.start()
    return WorkerModels(faces_spec, faces, vehicles, fetcher)


def _open_vehicles(
    manifest: Manifest, choice: ModelChoice, folder: Path
) -> tuple[DetectorSlot, ModelFetcher | None]:
    try:
        spec = manifest.resolve(choice.vehicles, ModelKind.VEHICLES)
    except ConfigurationError as error:
        _log.warning("vehicles.not_available", reason=error.message)
        slot = DetectorSlot(Path(choice.vehicles).name, None)
        slot.miss(error.message)
        return slot, None
    return open_slot(spec, folder=folder, options=DetectorOptions(streams=choice.streams), fetch=choice.fetch)
