"""From the content of an ONNX file to a detector on the CPU."""

from collections.abc import Mapping, Sequence

import numpy as np

from veilgate.domain.errors import ConfigurationError
from veilgate.inference.detector_options import DetectorOptions
from veilgate.inference.detectors import centerface, fastestdet, pyramid
from veilgate.inference.detectors.pyramid_export import read_pyramid
from veilgate.inference.detectors.yolo import Yolo
from veilgate.inference.detectors.yolo_export import read_export
from veilgate.inference.graph_facts import NotADetector
from veilgate.inference.model_spec import Adapter, ModelSpec
from veilgate.inference.onnx_files import last_line, read_onnx
from veilgate.inference.openvino_runtime import OpenVinoGraph, OpenVinoSession
from veilgate.inference.ports import Detector
from veilgate.inference.sessions_by_shape import SessionsByShape
from veilgate.inference.veil_classes import listed

# The look of the picture that a model is tried with: small, for it costs a run at start.
_TRIAL_PICTURE = np.full((64, 64, 3), 114, np.uint8)
_TRIAL_THRESHOLD = 0.5


def open_onnx_detector(spec: ModelSpec, onnx: bytes, *, options: DetectorOptions) -> Detector:
    """Compile the graph and try it. Raises `ConfigurationError`, naming the setting, if it does not work."""
    graph = read_onnx(spec, onnx)
    try:
        detector = _build(spec, graph, options=options)
        detector.detect([_TRIAL_PICTURE], [_TRIAL_THRESHOLD])
    except NotADetector as error:
        raise spec.wrong(str(error)) from error
    except ConfigurationError:
        raise
    except Exception as error:  # native code at work on a stranger's file raises what it likes
        raise spec.wrong(f"is not a graph that runs here: {last_line(error)}") from error
    return detector


def wanted_labels(spec: ModelSpec, names: Sequence[str]) -> Mapping[int, str]:
    """Index and name of the classes to look for: those of the manifest line, or all of a file's own.

    Raises `ConfigurationError` for a class that the model does not have.
    """
    for label in spec.classes:
        if label not in names:
            raise spec.wrong(f"has no class {label!r}; it has: {listed(names)}")
    return {index: name for index, name in enumerate(names) if not spec.classes or name in spec.classes}


def _build(spec: ModelSpec, graph: OpenVinoGraph, *, options: DetectorOptions) -> Detector:
    threshold = spec.default_threshold if options.threshold is None else options.threshold
    match spec.adapter:
        case Adapter.CENTERFACE:
            wanted_labels(spec, centerface.LABELS)
            return centerface.CenterFace(
                OpenVinoSession(graph, input_shape=centerface.INPUT_SHAPE, streams=options.streams),
                model_id=spec.id,
                default_threshold=threshold,
                longest_side_px=options.longest_side_px,
            )
        case Adapter.FASTESTDET:
            return fastestdet.FastestDet(
                OpenVinoSession(graph, input_shape=fastestdet.INPUT_SHAPE, streams=options.streams),
                model_id=spec.id,
                default_threshold=threshold,
                labels=frozenset(wanted_labels(spec, fastestdet.LABELS).values()),
            )
        case Adapter.VEILGATE:
            return _build_pyramid(spec, graph, options=options, threshold=threshold)
        case Adapter.YOLO:
            return _build_yolo(spec, graph, options=options, threshold=threshold)
    raise ConfigurationError(f"model {spec.id}: the adapter {spec.adapter} does not take ONNX files")


def _build_pyramid(
    spec: ModelSpec, graph: OpenVinoGraph, *, options: DetectorOptions, threshold: float
) -> Detector:
    geometry = read_pyramid(graph.facts())
    return pyramid.Pyramid(
        SessionsByShape(lambda shape: OpenVinoSession(graph, input_shape=shape, streams=options.streams)),
        model_id=spec.id,
        default_threshold=threshold,
        labels=wanted_labels(spec, geometry.names),
        geometry=geometry,
    )


def _build_yolo(
    spec: ModelSpec, graph: OpenVinoGraph, *, options: DetectorOptions, threshold: float
) -> Detector:
    export = read_export(graph.facts(), labels=spec.labels, longest_side_px=options.longest_side_px)
    # One picture a run, whatever the graph would take: see the measurements in openvino_runtime.py.
    width, height = export.geometry.fixed_wh or (-1, -1)
    return Yolo(
        OpenVinoSession(graph, input_shape=(1, 3, height, width), streams=options.streams, exact=True),
        model_id=spec.id,
        default_threshold=threshold,
        labels=wanted_labels(spec, export.names),
        geometry=export.geometry,
    )
