"""The rules, and the series that they and the panels ask for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from tests.fixtures.prometheus import MONITORING

_STRING = re.compile(r'"[^"]*"')
_LABELS_OF_OPERATOR = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_SELECTOR = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)\s*(?P<labels>\{[^}]*\})?(?P<call>\s*\()?")
_WORDS = {"and", "or", "unless", "offset", "bool"}
_DURATION = re.compile(r"\[[^\]]*\]|\boffset \w+")


@dataclass(frozen=True, slots=True)
class Alert:
    name: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]


def alerts() -> tuple[Alert, ...]:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return tuple(
        Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"])
        for group in groups
        for rule in group["rules"]
    )


@lru_cache
def cases() -> list[dict[str, Any]]:
    """The groups of alerts_test.yml."""
    tests: list[dict[str, Any]] = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
    return tests


def selectors_in(expr: str) -> Iterator[str]:
    """Each series that an expression asks for, with its labels: `up{job="veilgate"}`."""
    plain = _DURATION.sub("", _LABELS_OF_OPERATOR.sub("", expr))
    for match in _SELECTOR.finditer(_without_strings(plain)):
        if match["call"] or match["name"] in _WORDS:
            continue
        yield plain[match.start() : match.end()].strip()


def _without_strings(expr: str) -> str:
    """Of the same length: what strings say is no name."""
    return _STRING.sub(lambda found: '"' + "." * (len(found[0]) - 2) + '"', expr)
