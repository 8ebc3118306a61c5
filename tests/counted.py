"""How much the numbers that Prometheus is shown have grown, in this process or on a page that it reads."""

import re
from collections.abc import Mapping

import httpx

from veilgate.telemetry.metrics import REGISTRY

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
Series = tuple[str, frozenset[tuple[str, str]]]


class Counted:
    """Since it was made: `counted("veilgate_uploads_total", outcome="known")`."""

    def __init__(self) -> None:
        self._before = _numbers()

    def __call__(self, name: str, **labels: str) -> float:
        series = name, frozenset(labels.items())
        return _numbers().get(series, 0.0) - self._before.get(series, 0.0)


class NumbersPage:
    """What a process shows at its port, as read when this was made."""

    def __init__(self, port: int) -> None:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=10)
        answer.raise_for_status()
        self._numbers = {
            (name, frozenset(_LABEL.findall(labels))): float(value)
            for name, labels, value in _SAMPLE.findall(answer.text)
        }

    def __call__(self, name: str, **labels: str) -> float:
        """Raises KeyError for what is not shown."""
        return self._numbers[name, frozenset(labels.items())]

    def all_of(self, name: str) -> Mapping[frozenset[tuple[str, str]], float]:
        """Every series of this name, by its labels."""
        return {labels: value for (found, labels), value in self._numbers.items() if found == name}


def _numbers() -> dict[Series, float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
    }
