"""The scenarios of load-tests/scenarios.json, which k6 reads too: when pictures are due, what is promised."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# 0.1 × 30 is not 3 to a computer, and the last one is due at the very end.
_ROUNDING = 1e-6
LOAD_TESTS = Path(__file__).resolve().parents[1] / "load-tests"


@dataclass(frozen=True, slots=True)
class Stage:
    """For this part of the time the rate goes, evenly, to this part of the peak."""

    part: float
    to: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """`rate_per_s` is the peak. Thresholds are in k6's words: `rate>=0.999`, `p(99.9)<60000`."""

    name: str
    rate_per_s: float
    duration_s: float
    start: float
    stages: tuple[Stage, ...]
    questions_per_picture: float
    thresholds: dict[str, str]
    # All completed in so much more than `duration_s`, or None where a backlog is meant to be.
    keeps_up_from: float | None

    def arrivals(self, per_picture: float = 1) -> Iterator[float]:
        """When each one is due, in seconds from the start; `per_picture` of them where one picture is.

        As in k6, the first comes when one is due by the rate, not at once.
        """
        before_s, before_rate, due, number = 0.0, self.start * self.rate_per_s * per_picture, 0.0, 1
        for stage in self.stages:
            length_s, rate = stage.part * self.duration_s, stage.to * self.rate_per_s * per_picture
            stage_total = length_s * (before_rate + rate) / 2
            while number <= due + stage_total + _ROUNDING:
                yield before_s + _time_of(number - due, before_rate, rate, length_s)
                number += 1
            before_s, before_rate, due = before_s + length_s, rate, due + stage_total

    def all_thresholds(self) -> dict[str, str]:
        """Those that end a run early, and those that are judged at its end."""
        # Of nothing all is well: a run in which nothing was sent must not pass.
        judged = self.thresholds | {"pictures_completed": "count>0"}
        if self.keeps_up_from is not None:
            judged["completed_after_s"] = f"max<={self.duration_s / self.keeps_up_from:.1f}"
        return judged


@dataclass(frozen=True, slots=True)
class Plan:
    """What holds for all scenarios."""

    scenarios: tuple[str, ...]
    patience_s: float
    question_shares: dict[str, float]
    house_stages: tuple[str, ...]


def _time_of(count: float, rate: float, last_rate: float, length_s: float) -> float:
    """When so many have come, where the rate goes evenly from one to the other: a root of a quadratic."""
    steepness = (last_rate - rate) / length_s
    if steepness == 0:
        return count / rate
    return (math.sqrt(max(0.0, rate**2 + 2 * steepness * count)) - rate) / steepness


def read_plan() -> Plan:
    document = _document()
    return Plan(
        tuple(document["scenarios"]),
        document["patience_s"],
        document["question_shares"],
        tuple(document["house_stages"]),
    )


def read_scenario(name: str, *, rate_per_s: float | None = None, duration_s: float | None = None) -> Scenario:
    """As the file has it, but for what is given here."""
    document = _document()
    told = document["scenarios"][name]
    return Scenario(
        name,
        rate_per_s or told["rate_per_s"],
        duration_s or told["duration_s"],
        told["from"],
        tuple(Stage(stage["part"], stage["to"]) for stage in told["stages"]),
        told["questions_per_picture"],
        told["thresholds"],
        document["keeps_up_from"] if told["is_kept_up_with"] else None,
    )


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((LOAD_TESTS / "scenarios.json").read_text(encoding="utf-8"))
    return document
