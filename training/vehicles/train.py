"""Train the vehicle detector, from random weights to a checkpoint."""

import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training import checkpoints
from training.averaging import Average
from training.curves import draw_curves
from training.decay import groups
from training.journal import Journal
from training.pictures import PackedPictures
from training.schedule import rate_at
from training.vehicles.batches import Plan, batches
from training.vehicles.emptiness import EmptyPictures
from training.vehicles.labels import CLASSES, Labelled
from training.vehicles.loss import Losses, Truth, losses
from training.vehicles.network import SIZES, VehicleNetwork
from training.vehicles.samples import Samples
from training.vehicles.validation import Validation

_HIGHEST_RATE, _WEIGHT_DECAY = 2e-3, 0.05
_WARM_UP_STEPS = 500
_CLIPPED_AT = 10.0
_LOGGED_EVERY, _MEASURED_EVERY = 20, 1000
_LOSSES, _MEASURES = ("box", "kind"), ("ap50", "ap50_openimages")


@dataclass(frozen=True, slots=True)
class Course:
    """What a training is given. On one thread the same course gives the same weights."""

    steps: int
    batch: int
    seed: int
    size: str
    device: str
    threads: int
    saved_every: int = 250


class Training:
    """Of one network; `step` is the next to be made."""

    def __init__(self, course: Course, out: Path) -> None:
        torch.manual_seed(course.seed)
        self.course = course
        self.step, self._seconds = 0, 0.0
        self._out = out
        self._device = torch.device(course.device)
        self.network = VehicleNetwork(len(CLASSES), SIZES[course.size])
        self.network.to(self._device, memory_format=torch.channels_last)
        self.average = Average(self.network)
        self._optimizer = torch.optim.AdamW(
            groups(self.network, weight_decay=_WEIGHT_DECAY), lr=_HIGHEST_RATE, betas=(0.9, 0.99)
        )
        self._resume()
        columns = ("step", "seconds", "rate", *_LOSSES, *_MEASURES)
        self._journal = Journal(out / "log.csv", columns, next_step=self.step)

    def run(self, pictures: PackedPictures, labels: list[Labelled], empty: EmptyPictures) -> None:
        course = self.course
        samples = Samples(pictures, labels, empty, seed=course.seed)
        validation = Validation(pictures, labels)
        plan = Plan(course.steps, course.batch, course.seed)
        ahead = 4 if self._device.type == "cuda" else 0
        began_s = time.monotonic() - self._seconds
        for shown, truth in batches(samples, plan, first_step=self.step, threads=course.threads, ahead=ahead):
            rate = rate_at(self.step, steps=course.steps, warm_up_steps=_WARM_UP_STEPS, highest=_HIGHEST_RATE)
            wrong = self._learn(shown, truth, rate=rate)
            self._seconds = time.monotonic() - began_s
            row = {"step": self.step, "seconds": self._seconds, "rate": rate}
            if self.step % _LOGGED_EVERY == 0:
                self._journal.write(row | {"box": wrong.box.item(), "kind": wrong.kind.item()})
            self.step += 1
            is_last = self.step == course.steps
            if self.step % _MEASURED_EVERY == 0 or is_last:
                self._journal.write(row | validation.measure(self.average.network))
            if self.step % course.saved_every == 0 or is_last:
                self._save()

    def _learn(self, shown: Tensor, truth: Truth, *, rate: float) -> Losses:
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        pictures = shown.to(self._device, non_blocking=True).float().div_(255)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        truth = Truth(*(getattr(truth, each.name).to(self._device) for each in fields(truth)))
        with torch.autocast(self._device.type, torch.bfloat16):
            answers = self.network(pictures)
        wrong = losses(answers, truth)
        self._optimizer.zero_grad(set_to_none=True)
        wrong.whole.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), _CLIPPED_AT)
        self._optimizer.step()
        self.average.follow(self.network, step=self.step)
        return wrong

    def _state(self) -> dict[str, Any]:
        return {
            "course": _told(self.course),
            "step": self.step,
            "seconds": self._seconds,
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def _save(self) -> None:
        checkpoints.save(self._out / "checkpoint.pt", self._state())
        draw_curves(self._journal.path, self._out / "curve.png", left=_LOSSES, right=_MEASURES)

    def _resume(self) -> None:
        state = checkpoints.load(self._out / "checkpoint.pt")
        if state is None:
            return
        checkpoints.require_same(self._out, state["course"], _told(self.course))
        self.step, self._seconds = state["step"], state["seconds"]
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        print(f"goes on at step {self.step}", flush=True)


def _told(course: Course) -> dict[str, int | str]:
    """What makes it another training, whatever machine it goes on at."""
    return {"steps": course.steps, "batch": course.batch, "seed": course.seed, "size": course.size}
