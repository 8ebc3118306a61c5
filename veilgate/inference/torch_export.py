"""Write a checkpoint as an OpenVINO graph, with what the graph does not say of itself."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import veilgate.inference.without_telemetry  # noqa: F401 - before openvino

# isort: split
import numpy as np
import openvino as ov
import torch

from veilgate.inference.torch_checkpoint import Checkpoint, RefusedCheckpoint, read_checkpoint
from veilgate.inference.torch_conversions import GRAPH_FILES, NOTE_FILE

# Traced at one shape and compared at another: whatever was written into the graph as a number shows.
_TRACED_SHAPE = (1, 3, 96, 160)
_COMPARED_SHAPE = (1, 3, 224, 128)
# Pixels and scores. Five networks of 2.5 to 26 million weights differed by at most 0.00005.
_MOST_DIFFERENCE = 0.01


def export(source: Path, sha256: str, folder: Path) -> None:
    """Write graph and note into `folder`, on the disk. Raises `RefusedCheckpoint`."""
    content = source.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RefusedCheckpoint("was changed while it was being read")
    checkpoint = read_checkpoint(content)
    checkpoint.network.model[-1].dynamic = True
    try:
        graph = ov.convert_model(checkpoint.network, example_input=torch.zeros(_TRACED_SHAPE))
        _compare(graph, checkpoint.network)
    except Exception as error:  # tracing runs whatever layers the file is made of
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise RefusedCheckpoint(f"cannot be converted to OpenVINO: {lines[-1]}") from error
    ov.save_model(graph, folder / GRAPH_FILES[0], compress_to_fp16=False)
    _write_note(folder, checkpoint)


def _compare(graph: Any, network: Any) -> None:
    picture = np.random.default_rng(0).random(_COMPARED_SHAPE, dtype=np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(picture)).numpy()
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled(picture)[0]
    if found.shape != expected.shape or not np.abs(found - expected).max() <= _MOST_DIFFERENCE:
        raise ValueError("the graph does not answer as the model does")


def _write_note(folder: Path, checkpoint: Checkpoint) -> None:
    """What the graph does not say of itself, and how its files must look."""
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in GRAPH_FILES}
    note = {"names": checkpoint.names, "stride_px": checkpoint.stride_px, "sha256": digests}
    (folder / NOTE_FILE).write_text(json.dumps(note), encoding="utf-8")
    for name in (*GRAPH_FILES, NOTE_FILE):
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())
