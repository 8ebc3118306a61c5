"""Rows of the last steps: more strangers than fit into one."""

from typing import Any

import torch
from torch import Tensor


class Memory:
    """`rows` (size, dimensions) and which pictures they are `at`, -1 where nothing has been written yet."""

    def __init__(self, size: int, dimensions: int, *, device: torch.device) -> None:
        self.rows = torch.zeros(size, dimensions, device=device)
        self.at = torch.full((size,), -1, dtype=torch.long, device=device)
        self._next = 0

    def add(self, rows: Tensor, at: Tensor) -> None:
        """In place of the oldest."""
        places = (torch.arange(len(rows), device=at.device) + self._next) % len(self.at)
        # Not in place: a loss that looks at the old rows may still be waiting for its gradients.
        self.rows = self.rows.index_copy(0, places, rows.float())
        self.at = self.at.index_copy(0, places, at)
        self._next = (self._next + len(rows)) % len(self.at)

    def state(self) -> dict[str, Any]:
        return {"rows": self.rows, "at": self.at, "next": self._next}

    def restore(self, state: dict[str, Any]) -> None:
        self.rows, self.at = state["rows"].to(self.rows.device), state["at"].to(self.at.device)
        self._next = state["next"]
