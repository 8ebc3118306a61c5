"""What a training needs to go on after it was ended at any moment."""

import os
from pathlib import Path
from typing import Any

import torch


def save(path: Path, state: dict[str, Any]) -> None:
    """Replace the file in one step: a kill leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".half")
    with half.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def load(path: Path) -> dict[str, Any] | None:
    """What was saved last, on the CPU, or None."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def require_same(out: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """A training goes on as it began, or not at all."""
    if theirs != ours:
        raise SystemExit(f"{out} holds a training of {theirs}, and this is one of {ours}: give another --out")
