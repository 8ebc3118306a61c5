"""`python -m training vehicles`: from labelled pictures to the files that the house loads."""

import argparse
import os
from pathlib import Path

import torch

from training.pictures import pack
from training.vehicles.emptiness import empty_pictures
from training.vehicles.export import write_onnx, write_quantised_onnx
from training.vehicles.labels import read_labels
from training.vehicles.train import Course, Training

# On two cores, an hour and a half; on a GPU, five times as many pictures for a larger network.
_STEPS = {"cpu": 8_500, "cuda": 20_000}
_BATCH = {"cpu": 32, "cuda": 64}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="a folder with images/ and labels/")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoint, log, curve and models go")
    parser.add_argument("--cache", type=Path, help="where decoded pictures are kept (OUT/cache)")
    parser.add_argument("--steps", type=int, help="how long to train; 0 writes what random weights give")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Go on where an earlier call with the same folder ended, or begin."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    course = Course(
        steps=_STEPS[device] if options.steps is None else options.steps,
        batch=_BATCH[device],
        seed=options.seed,
        size="large" if device == "cuda" else "small",
        device=device,
        threads=len(os.sched_getaffinity(0)),
    )
    options.out.mkdir(parents=True, exist_ok=True)
    cache = options.cache or options.out / "cache"
    pictures = pack(options.data / "images", cache=cache)
    labels = read_labels(options.data / "labels", pictures.names)
    training = Training(course, options.out)
    training.run(pictures, labels, empty_pictures(cache=cache))
    network = training.average.network
    write_onnx(network, options.out / "vehicles-v1.onnx")
    write_quantised_onnx(network, options.out / "vehicles-v1-int8.onnx", pictures, labels)
