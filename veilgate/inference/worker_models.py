"""The models of an images worker: faces at once or not at all, vehicles when they come."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from veilgate.domain.errors import ConfigurationError, DeviceLost
from veilgate.inference.embedder_models import EmbedderChoice, open_embedder_slot
from veilgate.inference.fetch import ModelFetcher
from veilgate.inference.manifest import Manifest, ModelKind, ModelSpec, read_manifest
from veilgate.inference.model_slot import ModelSlot, open_slot
from veilgate.inference.models import DetectorOptions, load_from, load_model, offered_labels
from veilgate.inference.ports import Detector, Embedder
from veilgate.inference.tiling import TiledDetector
from veilgate.inference.veil_classes import veiled_labels
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import DETECTIONS, from_zero

_log = get_logger(__name__)
_BLANK_PICTURE = np.full((64, 64, 3), 114, np.uint8)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which models the settings ask for."""

    faces: str
    faces_longest_side_px: int
    tiling: bool
    blur_targets: str
    vehicles: str
    embedder: EmbedderChoice
    fetch: bool
    streams: int


@dataclass(frozen=True, slots=True)
class WorkerModels:
    """What was loaded. Of what `faces` finds, `veil_labels` are veiled and the rest is reported."""

    faces_spec: ModelSpec
    faces: Detector
    veil_labels: frozenset[str]
    vehicles: ModelSlot[Detector]
    embedder: ModelSlot[Embedder]
    fetchers: tuple[ModelFetcher, ...]

    def states(self) -> list[dict[str, str | None]]:
        """For /health: each model with its state."""
        faces = {"id": self.faces_spec.id, "state": "ready", "reason": None, "sha256": self.faces_spec.sha256}
        return [
            {"kind": "faces", **faces},
            {"kind": "vehicles", **self.vehicles.state()},
            {"kind": "embedder", **self.embedder.state()},
        ]

    def require_working_device(self) -> None:
        """Look at a blank picture. Raises `DeviceLost`: a worker whose device is broken, and that takes jobs
        all the same, starts each of them in vain until it has been started too often."""
        try:
            failpoint("before_work")
            self.faces.detect([_BLANK_PICTURE], [self.faces.default_threshold])
        except Exception as error:
            raise DeviceLost(f"The face model fails on a blank picture: {error}") from error

    def close(self) -> None:
        for fetcher in self.fetchers:
            fetcher.stop(timeout_s=1.0)


def open_worker_models(choice: ModelChoice, *, manifest_path: Path, fetched_folder: Path) -> WorkerModels:
    """Load what is there. Without its face model a worker must not run: raises `ModelMissing` or
    `ConfigurationError`. Any other that is absent, or wrong, only leaves its stage out."""
    manifest = read_manifest(manifest_path)
    faces_spec = manifest.resolve(choice.faces, ModelKind.FACES)
    options = DetectorOptions(longest_side_px=choice.faces_longest_side_px, streams=choice.streams)
    faces = load_model(faces_spec, folder=fetched_folder, options=options)
    offered = offered_labels(faces_spec, faces)
    from_zero(DETECTIONS, offered)
    veiled = veiled_labels(faces_spec, choice.blur_targets, offered=offered)
    reported = [label for label in offered if label not in veiled]
    _log.info("faces.classes", model=faces_spec.id, veiled=list(veiled), reported=reported)
    vehicles, vehicles_fetcher = _open_vehicles(manifest, choice, fetched_folder)
    embedder, embedder_fetcher = open_embedder_slot(
        choice.embedder, manifest, folder=fetched_folder, fetch=choice.fetch
    )
    fetchers = tuple(one for one in (vehicles_fetcher, embedder_fetcher) if one is not None)
    for fetcher in fetchers:
        fetcher.start()
    if choice.tiling:
        faces = TiledDetector(faces)
    return WorkerModels(faces_spec, faces, frozenset(veiled), vehicles, embedder, fetchers)


def _open_vehicles(
    manifest: Manifest, choice: ModelChoice, folder: Path
) -> tuple[ModelSlot[Detector], ModelFetcher | None]:
    try:
        spec = manifest.resolve(choice.vehicles, ModelKind.VEHICLES)
    except ConfigurationError as error:
        slot: ModelSlot[Detector] = ModelSlot(Path(choice.vehicles).name, None)
        slot.fail(error.message)
        return slot, None
    from_zero(DETECTIONS, spec.classes)
    options = DetectorOptions(streams=choice.streams)
    return open_slot(
        spec,
        folder=folder,
        load=partial(load_from, spec=spec, folder=folder, options=options),
        fetch=choice.fetch,
    )
