"""Teaches the embedder, from random numbers, and goes on after any kill."""

import hashlib
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training import checkpoints
from training.averaging import Average
from training.curves import draw_curves
from training.decay import groups
from training.journal import Journal
from training.likeness.batches import Batch, Batches
from training.likeness.captions import draw_captions
from training.likeness.export import export
from training.likeness.loss import are_foreign, copies_loss
from training.likeness.memory import Memory
from training.likeness.network import LikenessNetwork, NetworkSize
from training.likeness.packed import PackedPictures
from training.likeness.rounds import Rounds
from training.likeness.split import kept_for_choices
from training.likeness.views import Views
from training.schedule import rate_at

_NEVER_KEPT = ("bdroad_",)  # bursts, tilted and mirrored: all of them teach
_HIGHEST_RATE, _DECAY, _WARM_UP_SHARE = 2e-3, 0.05, 0.04
_AVERAGED = 0.998
_TICKS = 10_000  # of a whole training, in which the schedule counts
# Rows of earlier steps are strangers, too, once the network changes slowly: from this share of it all on.
_REMEMBERED_BATCHES, _REMEMBERED_FROM = 8, 0.4
_LOGGED_EVERY_STEPS, _MEASURED_EVERY_STEPS = 10, 200
_MEASURED_PICTURES = 320
_CAPTIONS = 2048
_COLUMNS = ("step", "seconds", "loss", "recall_at_1", "gap")


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, and from which random numbers. What a kill costs is at most `saved_every` steps."""

    steps: int
    batch: int
    seed: int
    size: NetworkSize
    saved_every: int = 50

    def passed(self, step: int) -> float:
        """The share of the training that is over."""
        return step / max(1, self.steps)


class Training:
    """A network, and all that is needed to teach it one step more."""

    def __init__(self, plan: Plan, pictures: PackedPictures, *, device: torch.device) -> None:
        torch.manual_seed(plan.seed)
        self.plan = plan
        names = hashlib.sha256("\n".join(pictures.names).encode()).hexdigest()[:16]
        self._course = {"steps": plan.steps, "batch": plan.batch, "seed": plan.seed, "pictures": names}
        self.step, self.seconds = 0, 0.0
        self.network = LikenessNetwork(plan.size).to(device, memory_format=torch.channels_last)
        self.average = Average(self.network, decay=_AVERAGED)
        kept = kept_for_choices(pictures.names, pictures.signs, never=_NEVER_KEPT)
        self._kept = np.flatnonzero(kept)[:_MEASURED_PICTURES]
        rounds = Rounds(pictures.names, np.flatnonzero(~kept), batch=plan.batch, seed=plan.seed)
        captions = draw_captions(_CAPTIONS, side_px=plan.size.side_px, seed=plan.seed)
        views = Views(captions, side_px=plan.size.side_px, device=device)
        self._batches = Batches(pictures, rounds, views, seed=plan.seed, device=device)
        self._device = device
        self._signs = torch.from_numpy(np.array(pictures.signs)).to(device, torch.bfloat16)
        self._memory = Memory(_REMEMBERED_BATCHES * 2 * plan.batch, plan.size.dimensions, device=device)
        self._optimizer = torch.optim.AdamW(
            groups(self.network, weight_decay=_DECAY), lr=_HIGHEST_RATE, fused=True
        )

    def advance(self) -> float:
        """One step; its loss."""
        began_s = time.perf_counter()
        passed = self.plan.passed(self.step)
        for group in self._optimizer.param_groups:
            group["lr"] = _rate(passed)
        loss = self._loss(self._batches.take(self.step), remembers=passed >= _REMEMBERED_FROM)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        self.average.follow(self.network, step=self.step)
        wrong = float(loss.detach())  # waits for the device
        self.step += 1
        self.seconds += time.perf_counter() - began_s
        return wrong

    def _loss(self, batch: Batch, *, remembers: bool) -> Tensor:
        self.network.train()
        with _half_precision(self._device):
            rows = self.network(batch.views)
        loss = copies_loss(
            rows,
            torch.arange(len(rows), device=self._device).roll(len(rows) // 2),
            foreign=self._foreign(batch.at, batch.at),
            others=self._memory.rows,
            others_foreign=self._foreign(batch.at, self._memory.at),
        )
        if remembers:
            self._memory.add(rows.detach(), batch.at)
        return loss

    def _foreign(self, at: Tensor, others: Tensor) -> Tensor:
        """Of pictures by position; nothing is foreign to itself, nor to an empty place (-1)."""
        apart = are_foreign(self._signs[at], self._signs[others.clamp_min(0)])
        return apart & (at[:, None] != others[None, :]) & (others >= 0)[None, :]

    @torch.no_grad()
    def measured(self) -> dict[str, float]:
        """How many hard copies of kept pictures find theirs, and by how much it is nearer than a stranger."""
        if not len(self._kept):
            return {}
        originals, copies = [], []
        for pictures, views in self._batches.hard(self._kept):
            with _half_precision(self._device):
                originals.append(self.average.network(pictures))
                copies.append(self.average.network(views))
        likeness = torch.cat(copies) @ torch.cat(originals).T
        own = likeness.diagonal().clone()
        best_other = likeness.fill_diagonal_(-1).max(1).values
        return {
            "recall_at_1": float((own > best_other).float().mean()),
            "gap": float((own - best_other).mean()),
        }

    def state(self) -> dict[str, Any]:
        return {
            "course": self._course,
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "memory": self._memory.state(),
        }

    def resume(self, out: Path) -> None:
        """Go on where `out` says that an earlier run was ended, if one was."""
        state = checkpoints.load(out / "checkpoint.pt")
        if state is None:
            return
        checkpoints.require_same(out, state["course"], self._course)
        print(f"goes on at step {state['step']}", flush=True)
        self.step, self.seconds = state["step"], state["seconds"]
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._memory.restore(state["memory"])


def _rate(passed: float) -> float:
    return rate_at(
        int(passed * _TICKS), steps=_TICKS, warm_up_steps=int(_WARM_UP_SHARE * _TICKS), highest=_HIGHEST_RATE
    )


def _half_precision(device: torch.device) -> AbstractContextManager[object]:
    """Convolutions in bfloat16: 480 to 740 GFLOP/s on two cores, for 70 to 380 in float32."""
    return torch.autocast(device.type, torch.bfloat16)


def teach(training: Training, *, out: Path) -> None:
    """To the end of the plan, from where the training stands."""
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = out / "checkpoint.pt", out / "log.csv"
    journal = Journal(log, _COLUMNS, next_step=training.step)
    while training.step < training.plan.steps:
        loss, done = training.advance(), training.step
        if done % _LOGGED_EVERY_STEPS == 0:
            row = {"step": done - 1, "seconds": training.seconds, "loss": loss}
            journal.write(row | (training.measured() if done % _MEASURED_EVERY_STEPS == 0 else {}))
        if done % training.plan.saved_every == 0:
            checkpoints.save(checkpoint, training.state())
    checkpoints.save(checkpoint, training.state())
    draw_curves(log, out / "curve.png", left=("loss",), right=("recall_at_1", "gap"))
    export(training.average.network, out / "likeness-v1.onnx")
