"""What is measured under load, and whether thresholds are met, with k6's names and by its arithmetic."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import eq, ge, gt, le, lt
from typing import Any

CUTS = {"p50": 50, "p95": 95, "p99": 99, "p99_9": 99.9, "max": 100}
_THRESHOLD = re.compile(r"(rate|count|max|p\((?P<percent>[\d.]+)\))(?P<sign><=|>=|==|<|>)(?P<bound>[\d.]+)")
_SIGNS = {"<=": le, ">=": ge, "==": eq, "<": lt, ">": gt}


@dataclass(frozen=True, slots=True)
class Verdict:
    metric: str
    threshold: str
    is_met: bool


@dataclass(slots=True)
class Measures:
    """Filled while the load runs; belongs to its event loop."""

    counts: Counter[str] = field(default_factory=Counter)
    successes: defaultdict[str, Counter[bool]] = field(default_factory=lambda: defaultdict(Counter))
    values: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: Counter[str] = field(default_factory=Counter)

    def judge(self, thresholds: dict[str, str]) -> list[Verdict]:
        """By what there is so far; where there is nothing, nothing is missed."""
        return [Verdict(metric, text, self._is_met(metric, text)) for metric, text in thresholds.items()]

    def summary(self, metric: str) -> dict[str, float]:
        values = sorted(self.values[metric])
        cuts = {name: round(percentile(values, percent), 2) for name, percent in CUTS.items()}
        return {"count": len(values), **cuts}

    def _is_met(self, metric: str, text: str) -> bool:
        threshold = _THRESHOLD.fullmatch(text)
        if not threshold:
            raise ValueError(f"{metric}: {text} is no threshold that is known here")
        measured = self._measured(metric, threshold)
        return measured is None or bool(_SIGNS[threshold["sign"]](measured, float(threshold["bound"])))

    def _measured(self, metric: str, threshold: re.Match[str]) -> float | None:
        if threshold[1] == "count":
            return self.counts[metric]
        if threshold[1] == "rate":
            outcomes = self.successes[metric]
            return outcomes[True] / outcomes.total() if outcomes else None
        values = sorted(self.values[metric])
        return percentile(values, float(threshold["percent"] or 100)) if values else None


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Between the two nearest, as k6 has it."""
    place = percent / 100 * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def as_rows(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [
        {"metric": verdict.metric, "is": verdict.threshold, "is_met": verdict.is_met} for verdict in verdicts
    ]
