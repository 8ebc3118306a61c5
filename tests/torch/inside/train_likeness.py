"""Train a small embedder, from where it was ended, and say what came of it."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from tests.torch.inside.likeness_pictures import noisy_pictures
from training.likeness.export import export
from training.likeness.network import WIDE, LikenessNetwork, NetworkSize
from training.likeness.train import Plan, Training, teach
from veilgate.inference.embedding_spec import IMAGENET_MEAN, IMAGENET_STD

_PLAN = Plan(steps=60, batch=8, seed=3, size=NetworkSize((16, 32), dimensions=32, side_px=64), saved_every=2)


def main() -> None:
    out = Path(sys.argv[1])
    # As a small machine has: the order of sums on many threads is not the same each time.
    torch.set_num_threads(1)
    training = Training(_PLAN, noisy_pictures(40), device=torch.device("cpu"))
    training.resume(out)
    began_at = training.step
    teach(training, out=out)
    network = training.average.network
    weights = b"".join(value.numpy().tobytes() for value in network.state_dict().values())
    answer = {
        "weights": hashlib.sha256(weights).hexdigest(),
        "difference": _difference(network, out / "likeness-v1.onnx"),
        "bytes_of_wide": _bytes_of_wide(out),
        "began_at": began_at,
        "measured": training.measured(),
    }
    sys.stdout.write(json.dumps(answer))


def _bytes_of_wide(out: Path) -> int:
    path = out / "wide.onnx"
    export(LikenessNetwork(WIDE), path)
    return path.stat().st_size


def _difference(network: LikenessNetwork, path: Path) -> float:
    """Of any number that the file answers two pictures with, normalised as the house does it."""
    shown = np.random.default_rng(0).random((2, 3, 64, 64), dtype=np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(shown)).numpy()
    mean, std = (np.array(levels, np.float32).reshape(1, 3, 1, 1) for levels in (IMAGENET_MEAN, IMAGENET_STD))
    (given,) = onnxruntime.InferenceSession(path).run(["likeness"], {"picture": (shown - mean) / std})
    return float(np.abs(expected - given).max())


main()
