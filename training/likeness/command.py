"""`python -m training likeness`."""

import argparse
from pathlib import Path

import torch

from training.likeness.network import SMALL, WIDE
from training.likeness.packing import packed_pictures
from training.likeness.train import Plan, Training, teach

# An hour on two cores.
_STEPS = 5_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="a folder of JPEG photos, and folders in it")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoint, log, curve and model go")
    parser.add_argument("--cache", type=Path, help="where small pictures are kept (OUT/cache)")
    parser.add_argument("--steps", type=int, default=_STEPS, help=f"how long to train ({_STEPS})")
    parser.add_argument("--batch", type=int, default=128, help="pictures a step, two views of each (128)")
    parser.add_argument("--scenes", type=int, default=3600, help="drawn pictures beside the photos (3600)")
    parser.add_argument("--seed", type=int, default=9)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    plan = Plan(
        steps=options.steps,
        batch=options.batch,
        seed=options.seed,
        size=WIDE if device.type == "cuda" else SMALL,
    )
    cache = options.cache or options.out / "cache"
    pictures = packed_pictures(options.data, scenes=options.scenes, cache=cache)
    training = Training(plan, pictures, device=device)
    training.resume(options.out)
    teach(training, out=options.out)
