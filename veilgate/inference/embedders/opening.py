"""From files of weights to embedders, tried once before they are offered."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from veilgate.domain.errors import ConfigurationError
from veilgate.inference.embedders.clip import Clip, TextTower
from veilgate.inference.embedders.network import NetworkEmbedder, NotAnEmbedder
from veilgate.inference.embedding_spec import NamedFile
from veilgate.inference.graph_facts import DYNAMIC, Shape
from veilgate.inference.manifest import sha256_of
from veilgate.inference.model_spec import ModelSpec
from veilgate.inference.onnx_files import last_line, read_onnx
from veilgate.inference.openvino_runtime import OpenVinoGraph, OpenVinoSession, TokenSession
from veilgate.inference.torch_conversions import converted

T = TypeVar("T")


def open_network(spec: ModelSpec, onnx: bytes, *, score: float, streams: int) -> NetworkEmbedder:
    """An ONNX graph from a picture to a vector. Raises `ConfigurationError`, naming the setting."""
    graph = read_onnx(spec, onnx)
    return _tried(spec, lambda: _network(spec, graph, score=score, streams=streams))


def open_torchvision(
    spec: ModelSpec, path: Path, *, sha256: str, folder: Path, score: float, streams: int
) -> NetworkEmbedder:
    """Weights of torchvision, converted once. Raises `ConfigurationError`, naming the setting."""
    model = converted(spec, path, sha256=sha256, folder=folder)
    return _tried(spec, lambda: _network(spec, OpenVinoGraph(model.graph), score=score, streams=streams))


def open_clip(spec: ModelSpec, onnx: bytes, *, score: float, streams: int) -> Clip:
    """Two towers and a tokenizer. Raises `ConfigurationError`, naming the setting."""
    text, tokenizer = spec.embedding.text, spec.embedding.tokenizer
    assert text is not None
    assert tokenizer is not None
    texts, words = read_onnx(spec, _read_beside(spec, text)), _read_beside(spec, tokenizer)
    pictures = open_network(spec, onnx, score=score, streams=streams)
    return _tried(spec, lambda: Clip(pictures, TextTower(_token_session(texts), words)))


def _token_session(graph: OpenVinoGraph) -> TokenSession:
    try:
        return TokenSession(graph)
    except ValueError as error:
        raise NotAnEmbedder(f"has a graph for texts that {error}") from error


def _network(spec: ModelSpec, graph: OpenVinoGraph, *, score: float, streams: int) -> NetworkEmbedder:
    shapes = graph.facts().input_shapes
    if len(shapes) != 1:
        raise NotAnEmbedder(f"takes {len(shapes)} inputs; only one picture is given")
    width, height = _size_wh(shapes[0], otherwise_px=spec.embedding.input_size_px)
    # Exact: vectors of two machines are compared with each other, whatever their processors compute in.
    session = OpenVinoSession(graph, input_shape=(1, 3, height, width), streams=streams, exact=True)
    return NetworkEmbedder(
        session,
        model_id=spec.id,
        near_duplicate_score=score,
        size_wh=(width, height),
        spec=spec.embedding,
    )


def _size_wh(shape: Shape, *, otherwise_px: int) -> tuple[int, int]:
    """What the graph was exported for, or the size given where it takes any."""
    if shape is None:
        return otherwise_px, otherwise_px
    if len(shape) != 4 or shape[0] not in {1, DYNAMIC} or shape[1] not in {3, DYNAMIC}:
        raise NotAnEmbedder(f"takes {shape}; pictures come as (1, 3, height, width)")
    height, width = (otherwise_px if side == DYNAMIC else side for side in shape[2:])
    return width, height


def _read_beside(spec: ModelSpec, file: NamedFile) -> bytes:
    try:
        content = file.path.read_bytes()
    except OSError as error:
        raise spec.kind.wrong(
            f"{file.path.name}, which {spec.id} needs, cannot be read ({error.strerror})"
        ) from error
    if sha256_of(content) != file.sha256:
        raise spec.kind.wrong(f"{file.path.name} does not have the sha256 that the manifest gives")
    return content


def _tried(spec: ModelSpec, build: Callable[[], T]) -> T:
    try:
        return build()
    except NotAnEmbedder as error:
        raise spec.wrong(str(error)) from error
    except ConfigurationError:
        raise
    except Exception as error:  # native code at work on a stranger's file raises what it likes
        raise spec.wrong(f"is not a graph that runs here: {last_line(error)}") from error
