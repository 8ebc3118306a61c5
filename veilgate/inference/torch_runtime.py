"""Run a network with torch: in half precision on a GPU, in float32 on a CPU."""

import contextlib
import threading
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from veilgate.inference.torch_checkpoint import Checkpoint
from veilgate.telemetry.run_clock import RunClock


class TorchSession:
    """The network of a checkpoint on one device. `run` may be called from any thread.

    One run at a time: the head keeps its grid between two layers, and a GPU would queue them anyway.
    """

    def __init__(self, checkpoint: Checkpoint, *, device: str, half: bool) -> None:
        """Move the network there; `half` computes all but the last layer in float16."""
        self._device = torch.device(device)
        self._dtype = torch.float16 if half else torch.float32
        network = checkpoint.network.to(self._device, memory_format=torch.channels_last)
        self._network = _with_exact_head(network.half()) if half else network
        self._lock = threading.Lock()
        is_gpu = self._device.type == "cuda"
        self._clock = RunClock(f"cuda:{self._device.index or 0}" if is_gpu else "cpu")
        # Of its own, so that another model's runs and this one's do not wait for each other.
        self._stream = torch.cuda.Stream(self._device) if is_gpu else None
        if self._stream is not None:
            torch.cuda.synchronize(self._device)  # the weights were sent on another stream

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The boxes and scores of each cell, (N, 4 + classes, cells), for (N, 3, height, width)."""
        with self._lock, torch.inference_mode(), self._own_stream(), self._clock.run():
            tensor = torch.from_numpy(np.ascontiguousarray(batch)).to(self._device)
            tensor = tensor.to(self._dtype, memory_format=torch.channels_last)
            # Back in the host's memory: this waits for the stream.
            answer: NDArray[np.float32] = self._network(tensor).float().cpu().numpy()
            return [answer]

    def _own_stream(self) -> contextlib.AbstractContextManager[Any]:
        return torch.cuda.stream(self._stream) if self._stream is not None else contextlib.nullcontext()


def _with_exact_head(network: Any) -> Any:
    """Let the head compute in float32.

    In float16 alone the corners of boxes at 1280×960 were up to 0.9 px beside those of float32 (mean 0.13);
    with this, 0.014 px.
    """
    head = network.model[-1]
    head.float()
    head.register_forward_pre_hook(lambda _head, inputs: ([level.float() for level in inputs[0]],))
    return network
