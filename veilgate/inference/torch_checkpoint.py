"""Read an Ultralytics checkpoint without letting it run anything."""

import io
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from veilgate.inference.torch_globals import RefusedGlobal, safe_globals

_LONGEST_NAME = 60
_MOST_CLASSES = 10_000
_LEAST_STRIDE_PX = 32
_LARGEST_STRIDE_PX = 256
# Ultralytics would look for updates and for the internet, install packages, and talk.
_QUIET = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",
}


class RefusedCheckpoint(ValueError):
    """This is no checkpoint that is taken; the text says why, to follow the name of the file."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A detection network, ready to run in float32: (N, 3, height, width) to (N, 4 + classes, cells)."""

    network: Any  # ultralytics.nn.tasks.DetectionModel
    names: tuple[str, ...]
    stride_px: int


def read_checkpoint(content: bytes) -> Checkpoint:
    """The detection model in a `.pt` file, fused for inference. Raises `RefusedCheckpoint`."""
    tasks = import_ultralytics()
    document = _unpickle(content)
    network = _network_in(document, tasks)
    try:
        return _prepared(network)
    except RefusedCheckpoint:
        raise
    except Exception as error:  # its state may be anything
        raise RefusedCheckpoint(f"is not a model that runs here: {_first_line(error)}") from error


def import_ultralytics() -> Any:
    """The module `ultralytics.nn.tasks`, imported so that it leaves nothing in the home folder."""
    os.environ.update(_QUIET)
    with tempfile.TemporaryDirectory(prefix="veilgate-") as folder:
        # It writes its settings, once, on import; an empty home would be filled at every start.
        os.environ["YOLO_CONFIG_DIR"] = folder
        from ultralytics.nn import tasks
    return tasks


def _unpickle(content: bytes) -> object:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise RefusedCheckpoint("is not a checkpoint: it is damaged or cut short, or no .pt file at all")
    try:
        # Reads the pickle without running it.
        names = torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content))
        granted = safe_globals(names)
    except RefusedGlobal as error:
        raise RefusedCheckpoint(
            f"is refused: it wants to load {str(error)!r}, which no Ultralytics detection model needs; "
            "nothing of it was run"
        ) from error
    except Exception as error:
        raise RefusedCheckpoint(f"is not an Ultralytics checkpoint: {_first_line(error)}") from error
    try:
        with torch.serialization.safe_globals(granted):
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a pickle can raise anything
        raise RefusedCheckpoint(f"is damaged, or refused: {_reason(error)}") from error


def _network_in(document: object, tasks: Any) -> Any:
    if isinstance(document, Mapping):
        if document and all(isinstance(value, torch.Tensor) for value in document.values()):
            raise RefusedCheckpoint("holds weights alone (a state_dict): save the whole checkpoint")
        # `ema` is the smoothed model of a training that is still going on.
        found = [document.get("ema"), document.get("model")]
        document = next((value for value in found if value is not None), None)
    if not isinstance(document, torch.nn.Module):
        raise RefusedCheckpoint("holds no Ultralytics model")
    if type(document) is not tasks.DetectionModel:
        raise RefusedCheckpoint(f"is a {type(document).__name__}; only a DetectionModel finds boxes")
    return document


def _prepared(network: Any) -> Checkpoint:
    from ultralytics.nn.modules import head as heads

    head = network.model[-1]
    if type(head) not in {heads.Detect, heads.v10Detect}:
        raise RefusedCheckpoint(f"ends in a {type(head).__name__}; only Detect is taken")
    names, stride_px = _names(network, head), _stride_px(network)
    head.end2end = False
    if head.end2end:
        raise RefusedCheckpoint("is fused end-to-end: give the checkpoint as it was trained")
    for layer in network.modules():
        if isinstance(layer, torch.nn.Upsample) and not hasattr(layer, "recompute_scale_factor"):
            layer.recompute_scale_factor = None  # checkpoints from before torch 1.11
    network = network.float().eval().requires_grad_(False).fuse(verbose=False)
    head.export = True  # boxes alone, without what a loss would need
    return Checkpoint(network, names, stride_px)


def _names(network: Any, head: Any) -> tuple[str, ...]:
    given = network.names
    if isinstance(given, Mapping):
        given = [given[index] for index in range(len(given))]
    names = tuple(given)
    if len(names) != head.nc or len(names) > _MOST_CLASSES:
        raise RefusedCheckpoint(f"names {len(names)} classes and tells {head.nc} apart")
    for name in names:
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
            raise RefusedCheckpoint(f"has a class without a name of 1 to {_LONGEST_NAME} letters")
    if len(set(names)) != len(names):
        raise RefusedCheckpoint("gives two classes the same name")
    return names


def _stride_px(network: Any) -> int:
    stride_px = int(network.stride.max())
    if not 1 <= stride_px <= _LARGEST_STRIDE_PX:
        raise RefusedCheckpoint(f"has a stride of {stride_px}")
    # As Ultralytics rounds, in every runtime: at another size the same model scores up to 0.03 otherwise.
    return max(stride_px, _LEAST_STRIDE_PX)


def _reason(error: Exception) -> str:
    """What torch's safe reader objects to, without its advice to read unsafely."""
    return _first_line(Exception(str(error).rpartition("WeightsUnpickler error: ")[2]))


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
