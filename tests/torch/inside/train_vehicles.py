"""Train a small vehicle detector and say what came of it."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from training.pictures import PackedPictures, pack
from training.vehicles import emptiness
from training.vehicles.batches import Plan, batches
from training.vehicles.export import write_onnx, write_quantised_onnx
from training.vehicles.labels import CLASSES, Labelled, read_labels
from training.vehicles.network import SIZES, VehicleNetwork
from training.vehicles.samples import Samples
from training.vehicles.train import Course, Training

_STEPS, _BATCH = 24, 4


def main() -> None:
    data, out = map(Path, sys.argv[1:3])
    out.mkdir(exist_ok=True)
    # As a small machine has: the order of sums on many threads is not the same each time.
    torch.set_num_threads(1)
    pictures = pack(data / "images", cache=out / "cache")
    course = Course(_STEPS, _BATCH, seed=3, size="small", device="cpu", threads=2, saved_every=4)
    training = Training(course, out)
    began_at = training.step
    emptiness._SCENES = 24  # of 600
    empty = emptiness.empty_pictures(cache=out / "cache")
    labels = read_labels(data / "labels", pictures.names)
    training.run(pictures, labels, empty)
    network = training.average.network
    weights = b"".join(value.numpy().tobytes() for value in network.state_dict().values())
    files = [out / name for name in ("vehicles-v1.onnx", "vehicles-v1-int8.onnx")]
    write_onnx(network, files[0])
    write_quantised_onnx(network, files[1], pictures, labels)
    answer = {
        "began_at": began_at,
        "weights": hashlib.sha256(weights).hexdigest(),
        "differences": [_difference(network, path) for path in files],
        "batches_left": [_batches_left(pictures, labels, empty, first_step=step) for step in (0, 2, 3)],
        "bytes_of_large": _bytes_of_large(out),
        "pictures_of_nothing": sorted(path.stem for path in (out / "cache").glob("empty-*/*.jpg")),
    }
    sys.stdout.write(json.dumps(answer))


def _batches_left(
    pictures: PackedPictures, labels: list[Labelled], empty: emptiness.EmptyPictures, *, first_step: int
) -> int:
    """Of three steps, made ahead as for a GPU."""
    samples = Samples(pictures, labels, empty, seed=1)
    plan = Plan(3, 2, seed=1, sides_px=(64,), last_sides_px=(64,))
    return len(list(batches(samples, plan, first_step=first_step, threads=1, ahead=4)))


def _bytes_of_large(out: Path) -> int:
    path = out / "large.onnx"
    write_onnx(VehicleNetwork(len(CLASSES), SIZES["large"]), path)
    return path.stat().st_size


def _difference(network: VehicleNetwork, path: Path) -> float:
    """Of any number that the file answers two pictures with, in a size it was not traced at."""
    shown = np.random.default_rng(0).random((2, 3, 96, 160), dtype=np.float32)
    session = onnxruntime.InferenceSession(path)
    with torch.inference_mode():
        expected = [answer.numpy() for answer in network(torch.from_numpy(shown))]
    given = session.run(["stride8", "stride16", "stride32"], {"pictures": shown})
    return max(float(np.abs(one - other).max()) for one, other in zip(expected, given, strict=True))


main()
