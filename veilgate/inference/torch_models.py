"""From an Ultralytics `.pt` file to a detector: with torch on a GPU, as an OpenVINO graph on a CPU."""

import ctypes
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from veilgate.domain.errors import DeviceLost, StageFailed
from veilgate.inference.detector_options import DetectorOptions
from veilgate.inference.detectors.yolo import Yolo, YoloGeometry, YoloLayout
from veilgate.inference.device_errors import is_device_lost
from veilgate.inference.model_spec import ModelSpec
from veilgate.inference.onnx_models import wanted_labels
from veilgate.inference.ports import Detector, Session
from veilgate.inference.torch_conversions import converted, torch_is_installed
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
# On a GPU pictures of one size share a run; a guess, for none was at hand to measure.
_CUDA_BATCH = 8
_ANY_SIZE = (1, 3, -1, -1)
_TRIAL_PICTURE = np.full((64, 64, 3), 114, np.uint8)
_TRIAL_THRESHOLD = 0.5


def open_pt_detector(
    spec: ModelSpec, path: Path, *, options: DetectorOptions, cache_folder: Path
) -> Detector:
    """The detector of a checkpoint, tried once. `cache_folder` keeps what is converted.

    Raises `ConfigurationError`, naming the setting, and `DeviceLost`.
    """
    on_gpu = has_cuda_device() and torch_is_installed() and _torch_has_cuda()
    try:
        detector = (
            _open_on_cuda(spec, path, options) if on_gpu else _open_on_cpu(spec, path, options, cache_folder)
        )
        detector.detect([_TRIAL_PICTURE], [_TRIAL_THRESHOLD])
    except (RuntimeError, StageFailed) as error:  # all that OpenVINO and torch raise
        lines = str(error).strip().splitlines() or [type(error).__name__]
        if is_device_lost(error):
            raise DeviceLost(lines[0]) from error
        raise spec.wrong(f"is not a model that runs here: {lines[-1]}") from error
    return detector


def has_cuda_device() -> bool:
    """Asked of the driver, because torch takes seconds and hundreds of megabytes to load."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def _torch_has_cuda() -> bool:
    import torch

    usable = bool(torch.cuda.is_available())
    if not usable:
        _log.warning("cuda.not_used", reason="there is a GPU that the installed torch cannot use")
    return usable


def _open_on_cuda(spec: ModelSpec, path: Path, options: DetectorOptions) -> Detector:
    from veilgate.inference.torch_checkpoint import RefusedCheckpoint, read_checkpoint
    from veilgate.inference.torch_runtime import TorchSession

    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != spec.sha256:
        raise spec.wrong("was changed while it was being read")
    try:
        checkpoint = read_checkpoint(content)
    except RefusedCheckpoint as error:
        raise spec.wrong(str(error)) from error
    session = TorchSession(checkpoint, device="cuda", half=True)
    _log.info("model.runtime", model=spec.id, runtime="torch", device="cuda", precision="float16")
    geometry = YoloGeometry(
        YoloLayout.RAW, None, options.longest_side_px, checkpoint.stride_px, batch=_CUDA_BATCH
    )
    return _detector(spec, session, checkpoint.names, geometry, options)


def _open_on_cpu(spec: ModelSpec, path: Path, options: DetectorOptions, cache_folder: Path) -> Detector:
    from veilgate.inference.openvino_runtime import OpenVinoSession

    assert spec.sha256 is not None, "only a stand-in has none"
    model = converted(spec, path, sha256=spec.sha256, folder=cache_folder)
    session = OpenVinoSession(model.graph, input_shape=_ANY_SIZE, streams=options.streams, exact=True)
    _log.info("model.runtime", model=spec.id, runtime="openvino", device="cpu")
    # One picture a run: see the measurements in openvino_runtime.py.
    stride_px = int(model.note["stride_px"])
    geometry = YoloGeometry(YoloLayout.RAW, None, options.longest_side_px, stride_px)
    return _detector(spec, session, tuple(model.note["names"]), geometry, options)


def _detector(
    spec: ModelSpec,
    session: Session,
    names: Sequence[str],
    geometry: YoloGeometry,
    options: DetectorOptions,
) -> Detector:
    return Yolo(
        session,
        model_id=spec.id,
        default_threshold=spec.default_threshold if options.threshold is None else options.threshold,
        labels=wanted_labels(spec, names),
        geometry=geometry,
    )
