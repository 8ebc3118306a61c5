"""Run an ONNX graph on the CPU with OpenVINO.

Measured with CenterFace, f32, 2 cores of an AVX-512 EPYC, ms per picture (peak memory of the process):

    one graph for all shapes, one stream of 2 threads    640×480 13.9 (202 MB)   960×736 36.7 (307 MB)
    a graph compiled for the shape                       640×480 13.3 (183 MB)   960×736 34.9 (258 MB)
    2 streams of 1 thread, two callers                   640×480 17.5 (279 MB)   960×736 54.0 (466 MB)
    one stream of 2 threads, two callers                 640×480 14.3 (214 MB)
    batch of 2 / 4 / 8                                   640×480 15.9 / 17.4 / 24.1 (283 / 444 / 737 MB)
    batch of 4 / 8                                       960×736 44.2 / 47.6 (808 / 1469 MB)
    31 shapes: one graph 13.6 (454 MB in all); a graph for each 10.7 (1,911 MB, and 297 at first sight)

Hence one graph with dynamic shapes and one picture a run: batches leave the cache, so they only cost time
and memory. Alone, two threads a picture are quicker; under full load two streams of one thread and one stream
of two came out the same within noise, and one stream of one thread slower. Streams of one thread need no
agreement between cores that have other work.

The precision is left to OpenVINO, which takes bfloat16 where the processor computes in it. Of 2,560 synthetic
faces at 1280 px, 54.0 % are found either way, in 52 ms a picture in place of 85 (docs/adr/0004).
"""

import queue
import threading
from functools import cache
from pathlib import Path

import veilgate.inference.without_telemetry  # noqa: F401 - before openvino

# isort: split
import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.preprocess import PrePostProcessor

from veilgate.inference.graph_facts import DYNAMIC, GraphFacts, Shape
from veilgate.telemetry.run_clock import RunClock


@cache
def _core() -> ov.Core:
    """One for the process, for good. Each Core brings a stack for signals with it, and when it goes puts back
    the one it found: of two that go in the wrong order the second leaves a freed one, and the next signal
    ends the process with a segmentation fault (seen with OpenVINO 2026.4)."""
    return ov.Core()


class OpenVinoGraph:
    """A graph that was read and not yet compiled."""

    def __init__(self, source: bytes | Path) -> None:
        """Read the content of an ONNX file, or a file: ONNX, or OpenVINO's own .xml.

        Raises `RuntimeError` when this is not a graph that OpenVINO can read.
        """
        self._model = _core().read_model(source)

    def facts(self) -> GraphFacts:
        return GraphFacts(
            tuple(_shape(port) for port in self._model.inputs),
            tuple(_shape(port) for port in self._model.outputs),
            self._metadata(),
        )

    def compile(self, input_shape: tuple[int, ...], *, streams: int, exact: bool) -> ov.CompiledModel:
        """Takes float32 in that shape, whatever the graph was written in. Can be done for several shapes.
        Raises `RuntimeError`."""
        model = self._model.clone()
        model.reshape(list(input_shape))
        steps = PrePostProcessor(model)
        steps.input().tensor().set_element_type(ov.Type.f32)
        settings = {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams}
        precision = {"INFERENCE_PRECISION_HINT": "f32"} if exact else {}
        return _core().compile_model(steps.build(), "CPU", {**settings, **precision})

    def compile_for_tokens(self) -> ov.CompiledModel:
        """Takes int64 in every input, exact in float32. Raises `RuntimeError`."""
        steps = PrePostProcessor(self._model)
        for position in range(len(self._model.inputs)):
            steps.input(position).tensor().set_element_type(ov.Type.i64)
        settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        return _core().compile_model(steps.build(), "CPU", settings)

    def input_names(self) -> tuple[str, ...]:
        return tuple(port.any_name for port in self._model.inputs)

    def _metadata(self) -> dict[str, str]:
        """ONNX metadata_props: OpenVINO files them under "framework"."""
        if not self._model.has_rt_info("framework"):
            return {}
        found = self._model.get_rt_info("framework").value
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


class OpenVinoSession:
    """A compiled graph. `run` may be called from any thread; `streams` go on at once, on a core each."""

    def __init__(
        self,
        graph: OpenVinoGraph | bytes | Path,
        *,
        input_shape: tuple[int, ...],
        streams: int = 1,
        exact: bool = False,
    ) -> None:
        """Compile a graph, or what one is read from. A -1 in `input_shape` may differ
        from run to run. `exact` computes in float32, for models whose recall in less nobody has measured.

        Raises `RuntimeError` when this is not a graph that OpenVINO can run so.
        """
        opened = graph if isinstance(graph, OpenVinoGraph) else OpenVinoGraph(graph)
        compiled = opened.compile(input_shape, streams=streams, exact=exact)
        self._clock = RunClock("cpu")
        self._idle: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(streams):
            self._idle.put(compiled.create_infer_request())

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The graph's outputs, in its own order, for one input tensor."""
        request = self._idle.get()
        try:
            with self._clock.run():
                request.infer({0: ov.Tensor(np.ascontiguousarray(batch))})
                # Copied, because the next run writes into the same memory.
                return [np.array(tensor.data, dtype=np.float32) for tensor in request.output_tensors]
        finally:
            self._idle.put(request)


class TokenSession:
    """A compiled graph that takes the numbers of words: one text a run, on the thread that asks."""

    def __init__(self, graph: OpenVinoGraph) -> None:
        """Raises `RuntimeError` when this is not a graph that OpenVINO can run so, and ValueError for one
        that takes anything but token ids and a mask of them."""
        names = graph.input_names()
        masks = [position for position, name in enumerate(names) if "mask" in name]
        if len(names) != 1 + len(masks) or len(masks) > 1:
            raise ValueError(f"takes {', '.join(names)}; token ids and a mask of them are given")
        self._mask = masks[0] if masks else None
        self._ids = 1 if self._mask == 0 else 0
        shape = graph.facts().input_shapes[self._ids]
        self.length = shape[-1] if shape and shape[-1] != DYNAMIC else None
        self._compiled = graph.compile_for_tokens()
        self._clock = RunClock("cpu")
        self._requests = threading.local()

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        """The graph's outputs for token ids (1, length); `mask` is 1 where a token is one of the text's."""
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        request = self._requests.own
        inputs = {self._ids: ids} if self._mask is None else {self._ids: ids, self._mask: mask}
        with self._clock.run():
            request.infer({position: ov.Tensor(one) for position, one in inputs.items()})
            return [np.array(tensor.data, dtype=np.float32) for tensor in request.output_tensors]


def _shape(port: ov.Output) -> Shape:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    return tuple(side.get_length() if side.is_static else DYNAMIC for side in shape)
