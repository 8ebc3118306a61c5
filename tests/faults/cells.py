"""Cells of the fault matrix: each says what it breaks and what is promised, and reports what was seen."""

import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

MARIADB, SQLITE = "mariadb+s3", "sqlite+folder"


def cell(
    number: str,
    *,
    fault: str,
    promised: str,
    houses: tuple[str, ...] = (MARIADB,),
    dozen: bool = False,
    long: bool = False,
) -> pytest.MarkDecorator:
    """Marks a test as a cell; it runs in each of the houses. `make test` runs the dozen, `make test-all` all
    but the long ones, `make faults` everything."""
    return pytest.mark.cell(number, fault=fault, promised=promised, houses=houses, dozen=dozen, long=long)


@dataclass
class Seen:
    """What a cell saw, for the table."""

    number: str
    fault: str
    promised: str
    house: str
    began_s: float = field(default_factory=time.monotonic)
    words: list[str] = field(default_factory=list)
    verdict: str = "?"
    took_s: float = 0.0

    def saw(self, text: str) -> None:
        self.words.append(text)


def random_of(cell_number: str) -> tuple[random.Random, int]:
    """Chance that can be had again: FAULT_SEED=n replays what a failed run printed."""
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"{cell_number}: FAULT_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    return random.Random(f"{cell_number}{seed}"), seed


def table(rows: list[Seen]) -> str:
    lines = ["| cell | house | fault | promised | seen | s | |", "|---|---|---|---|---|---:|---|"]
    for row in sorted(rows, key=lambda row: (_order(row.number), row.house)):
        seen = "; ".join(row.words)
        words = (row.number, row.house, row.fault, row.promised, seen, f"{row.took_s:.1f}", row.verdict)
        lines.append(f"| {' | '.join(words)} |")
    return "\n".join(lines)


def _order(number: str) -> tuple[int, str]:
    digits = "".join(filter(str.isdigit, number))
    return int(digits or 0), number


def write_table(rows: list[Seen]) -> None:
    """To the file that FAULTS_TABLE names."""
    if path := os.environ.get("FAULTS_TABLE"):
        Path(path).write_text(table(rows) + "\n", encoding="utf-8")
