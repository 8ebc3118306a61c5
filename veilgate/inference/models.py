"""From a line of the manifest to a detector that works."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from veilgate.inference.detector_options import DetectorOptions
from veilgate.inference.model_files import locate, read_checked
from veilgate.inference.model_spec import Adapter, ModelSpec
from veilgate.inference.ports import Detector
from veilgate.telemetry.logging import get_logger

__all__ = ["DetectorOptions", "NamesClasses", "load_from", "load_model", "offered_labels"]

_log = get_logger(__name__)


@runtime_checkable
class NamesClasses(Protocol):
    """A detector that says what it finds, because its file does."""

    @property
    def labels(self) -> tuple[str, ...]: ...


def load_model(spec: ModelSpec, *, folder: Path, options: DetectorOptions) -> Detector:
    """The detector of a model that must be there now; `folder` holds what was fetched and converted.

    Raises `ModelMissing` when its file is not there, `ConfigurationError` when it is not what it should be;
    both name the setting.
    """
    return load_from(locate(spec, folder=folder), spec, folder=folder, options=options)


def offered_labels(spec: ModelSpec, detector: Detector) -> tuple[str, ...]:
    """The classes that a loaded model finds."""
    if spec.classes:
        return tuple(spec.classes)
    return detector.labels if isinstance(detector, NamesClasses) else ()


def load_from(path: Path | None, spec: ModelSpec, *, folder: Path, options: DetectorOptions) -> Detector:
    """The detector of the file at `path`."""
    if path is None:
        return _open_stand_in(spec, options)
    content = read_checked(spec, path)
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
