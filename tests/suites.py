"""The suites: one row for each folder below tests/ that holds tests, checked by tests/architecture."""

from collections.abc import Callable
from dataclasses import dataclass


def _nothing() -> str:
    return ""


@dataclass(frozen=True)
class Suite:
    """One folder of tests. `missing` says in one sentence why it cannot run on this machine, or nothing."""

    name: str
    light: bool = True
    missing: Callable[[], str] = _nothing


SUITES = (
    Suite("architecture"),
    Suite("unit"),
    Suite("integration"),
    Suite("e2e"),
)
