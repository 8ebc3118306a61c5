"""Write a checkpoint as an OpenVINO graph, with what the graph does not say of itself."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import veilgate.inference.without_telemetry  # noqa: F401 - before openvino

# isort: split
import numpy as np
import openvino as ov
import torch

from veilgate.inference.torch_checkpoint import RefusedCheckpoint, read_checkpoint
from veilgate.inference.torch_conversions import GRAPH_FILES, NOTE_FILE

# Traced at one shape and compared at another: whatever was written into the graph as a number shows.
_TRACED_SHAPE = (1, 3, 96, 160)
_COMPARED_SHAPE = (1, 3, 224, 128)
# Pixels and scores. Five networks of 2.5 to 26 million weights differed by at most 0.00005.
_MOST_DIFFERENCE = 0.01


def export(source: Path, sha256: str, folder: Path) -> None:
    """Write graph and note into `folder`, on the disk. Raises `RefusedCheckpoint`."""
    checkpoint = read_checkpoint(read_unchanged(source, sha256))
    checkpoint.network.model[-1].dynamic = True
    write_graph(checkpoint.network, folder, {"names": checkpoint.names, "stride_px": checkpoint.stride_px})


def read_unchanged(source: Path, sha256: str) -> bytes:
    """Raises `RefusedCheckpoint`."""
    content = source.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RefusedCheckpoint("was changed while it was being read")
    return content


def write_graph(network: Any, folder: Path, note: Mapping[str, object]) -> None:
    """Convert, compare, and write with a note of what the graph does not say of itself.

    Raises `RefusedCheckpoint`.
    """
    try:
        graph = ov.convert_model(network, example_input=torch.zeros(_TRACED_SHAPE))
        _compare(graph, network)
    except Exception as error:  # tracing runs whatever layers the file is made of
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise RefusedCheckpoint(f"cannot be converted to OpenVINO: {lines[-1]}") from error
    ov.save_model(graph, folder / GRAPH_FILES[0], compress_to_fp16=False)
    _write_note(folder, note)


def _compare(graph: Any, network: Any) -> None:
    picture = np.random.default_rng(0).random(_COMPARED_SHAPE, dtype=np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(picture)).numpy()
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled(picture)[0]
    if found.shape != expected.shape or not np.abs(found - expected).max() <= _MOST_DIFFERENCE:
        raise ValueError("the graph does not answer as the model does")


def _write_note(folder: Path, note: Mapping[str, object]) -> None:
    """With how the files must look."""
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in GRAPH_FILES}
    (folder / NOTE_FILE).write_text(json.dumps({**note, "sha256": digests}), encoding="utf-8")
    for name in (*GRAPH_FILES, NOTE_FILE):
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())
