"""The suites: one row for each folder below tests/ that holds tests, checked by tests/architecture."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def _nothing() -> str:
    return ""


@dataclass(frozen=True)
class Suite:
    """One folder of tests. `missing` says in one sentence why it cannot run on this machine, or nothing."""

    name: str
    light: bool = True
    missing: Callable[[], str] = _nothing


_TORCH_BYTES = 9_000_000_000  # installed, and what pip downloads for it


def _no_room_for_torch() -> str:
    root = Path(__file__).resolve().parents[1]
    if (root / ".venv-gpu").exists() or shutil.disk_usage(root).free > _TORCH_BYTES:
        return ""
    return "needs 9 GB of disk for torch"


SUITES = (
    Suite("architecture"),
    Suite("unit"),
    Suite("integration"),
    Suite("kubernetes"),
    Suite("containers"),
    # Installs the packages of two images, which takes a minute and a network.
    Suite("images", light=False),
    Suite("e2e"),
    Suite("faults"),
    Suite("load"),
    Suite("torch", light=False, missing=_no_room_for_torch),
)
