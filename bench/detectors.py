"""The gateway's own detectors, for measuring them outside the gateway."""

import os
import queue
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import veilgate.inference.without_telemetry  # noqa: F401 - before openvino

# isort: split
import openvino as ov
from numpy.typing import NDArray

from bench.workplace import ROOT
from config import get_config
from veilgate.domain.errors import ModelMissing
from veilgate.inference.detectors import centerface, fastestdet, pyramid
from veilgate.inference.detectors.pyramid_export import read_pyramid
from veilgate.inference.manifest import Adapter, ModelKind, ModelSpec, read_manifest
from veilgate.inference.model_files import locate
from veilgate.inference.openvino_runtime import OpenVinoGraph, OpenVinoSession
from veilgate.inference.ports import Detector
from veilgate.inference.sessions_by_shape import SessionsByShape


@dataclass(frozen=True, slots=True)
class ModelThreads:
    """How many pictures a model looks at side by side, and on how many threads in all."""

    streams: int
    threads: int
    # None = what OpenVINO chooses for this processor, as the gateway does.
    precision: str | None = None


_CORES = len(os.sched_getaffinity(0))
ALL_CORES = ModelThreads(1, _CORES)
ALL_CORES_F32 = ModelThreads(1, _CORES, precision="f32")


class FreeSession(OpenVinoSession):
    """As the gateway's, with the threads asked for: its own choice must not limit what it is measured by."""

    def __init__(self, onnx: bytes, *, input_shape: tuple[int, ...], model_threads: ModelThreads) -> None:
        core = ov.Core()
        graph = core.read_model(onnx)
        graph.reshape(list(input_shape))
        options: dict[str, object] = {
            "NUM_STREAMS": model_threads.streams,
            "INFERENCE_NUM_THREADS": model_threads.threads,
            "ENABLE_CPU_PINNING": False,  # or the models of all processes would sit on the first core
        }
        if model_threads.precision:
            options["INFERENCE_PRECISION_HINT"] = model_threads.precision
        compiled = core.compile_model(graph, "CPU", options)
        self._free: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(model_threads.streams):
            self._free.put(compiled.create_infer_request())

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        request = self._free.get()
        try:
            request.infer({0: ov.Tensor(np.ascontiguousarray(batch))})
            return [np.array(tensor.data, dtype=np.float32) for tensor in request.output_tensors]
        finally:
            self._free.put(request)


@dataclass(frozen=True, slots=True)
class DetectorPlan:
    """What to look for, and how: the settings of the gateway that matter here. `vehicles` is a model's id or
    file; None is the gateway's default."""

    face_size_px: int
    face_threshold: float
    vehicles: str | None = None

    def faces(self, model_threads: ModelThreads) -> centerface.CenterFace:
        path = locate(manifest_model("centerface", ModelKind.FACES), folder=ROOT)
        assert path is not None
        return centerface.CenterFace(
            _session(path, centerface.INPUT_SHAPE, model_threads),
            model_id="centerface",
            default_threshold=self.face_threshold,
            longest_side_px=self.face_size_px,
        )

    def vehicle_detector(self, model_threads: ModelThreads) -> Detector | None:
        """None where its file is not there: the gateway goes without it, too."""
        try:
            return open_vehicles(self.vehicles_spec, model_threads)
        except ModelMissing:
            return None

    @property
    def vehicles_spec(self) -> ModelSpec:
        wanted = self.vehicles or get_config().models.vehicle_detection_model_path
        return manifest_model(wanted, ModelKind.VEHICLES)


def open_vehicles(spec: ModelSpec, model_threads: ModelThreads) -> Detector:
    """FastestDet or one of the house's own. Raises `ModelMissing`."""
    path = locate(spec, folder=ROOT)
    assert path is not None
    if spec.adapter is Adapter.FASTESTDET:
        return fastestdet.FastestDet(
            _session(path, fastestdet.INPUT_SHAPE, model_threads),
            model_id=spec.id,
            default_threshold=spec.default_threshold,
            labels=set(spec.classes),
        )
    assert spec.adapter is Adapter.VEILGATE
    geometry = read_pyramid(OpenVinoGraph(path).facts())
    return pyramid.Pyramid(
        SessionsByShape(lambda shape: _session(path, shape, model_threads)),
        model_id=spec.id,
        default_threshold=spec.default_threshold,
        labels=dict(enumerate(geometry.names)),
        geometry=geometry,
    )


def manifest_model(model_id: str, kind: ModelKind) -> ModelSpec:
    return read_manifest(ROOT / "models" / "manifest.toml").resolve(model_id, kind)


def _session(path: Path, shape: tuple[int, ...], model_threads: ModelThreads) -> FreeSession:
    return FreeSession(path.read_bytes(), input_shape=shape, model_threads=model_threads)
