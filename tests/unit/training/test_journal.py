"""The log of a training that was killed goes on without a gap and without a row twice."""

from pathlib import Path

import pytest

from training.journal import Journal
from training.schedule import rate_at


def test_rows_after_the_checkpoint_are_forgotten(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    journal = Journal(log, ("step", "loss"), next_step=0)
    for step in range(4):
        journal.write({"step": step, "loss": 1 / (step + 1)})
    Journal(log, ("step", "loss"), next_step=2).write({"step": 2, "loss": 0.25})
    assert log.read_text().split() == ["step,loss", "0,1", "1,0.5", "2,0.25"]


def test_what_was_not_measured_stays_empty(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    Journal(log, ("step", "loss", "ap50"), next_step=0).write({"step": 5, "ap50": 0.5})
    assert log.read_text().split() == ["step,loss,ap50", "5,,0.5"]


def test_steps_grow_and_shrink() -> None:
    rates = [rate_at(step, steps=100, warm_up_steps=10, highest=0.5) for step in range(101)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates) == rates[10] == 0.5
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[100] < 0.02
