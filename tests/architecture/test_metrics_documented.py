"""docs/metrics.md names every number that is declared, with its labels, and no other."""

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from veilgate.telemetry import metrics, readings

# | `name`, `another` | `label`, `label` | what it says |
ROW = re.compile(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| ((?:`[a-z]+`(?:, )?)*) ?\| \S", re.MULTILINE)
EXAMPLE = re.compile(r"^```promql\n(.*?)^```", re.MULTILINE | re.DOTALL)
ASKED = re.compile(r"\b(?:veilgate|embedding|index)_\w+")


def declared() -> dict[str, list[str]]:
    """Labels by the name under which Prometheus shows it."""
    counted = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    looked_up = [one for one in vars(readings).values() if isinstance(one, readings.Reading)]
    suffix = {"counter": "_total"}
    found = {one._name + suffix.get(str(one._type), ""): list(one._labelnames) for one in counted}
    return found | {one.name: list(one.labels) for one in looked_up}


def documented(page: str) -> dict[str, list[str]]:
    rows = [
        (re.findall(r"`(\w+)`", names), re.findall(r"`(\w+)`", labels)) for names, labels in ROW.findall(page)
    ]
    return {name: labels for names, labels in rows for name in names}


def page_of(root: Path) -> str:
    return (root / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_page_lists_every_number_with_its_labels(repository_root: Path) -> None:
    assert documented(page_of(repository_root)) == declared()


def test_examples_ask_for_numbers_that_there_are(repository_root: Path) -> None:
    asked = {name for example in EXAMPLE.findall(page_of(repository_root)) for name in ASKED.findall(example)}
    assert asked
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} <= declared().keys()
