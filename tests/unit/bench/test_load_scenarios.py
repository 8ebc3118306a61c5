"""When a load's pictures are due."""

from itertools import pairwise

import pytest

from bench.load_scenarios import Scenario, Stage, read_scenario


def ramp(*stages: Stage, start: float = 0, rate_per_s: float = 10, duration_s: float = 8) -> Scenario:
    return Scenario("ramp", rate_per_s, duration_s, start, stages, 0, {}, None)


def test_a_steady_load_is_evenly_spread() -> None:
    due_s = list(ramp(Stage(1, 1), start=1).arrivals())
    assert due_s == pytest.approx([number / 10 for number in range(1, 81)])


def test_a_ramp_gathers_speed() -> None:
    due_s = list(ramp(Stage(1, 1)).arrivals())
    assert len(due_s) == 40, "half as many as at the peak"
    # t² × 10 / 16 have come by the time t.
    assert due_s == pytest.approx([(number * 1.6) ** 0.5 for number in range(1, 41)])
    back = list(ramp(Stage(1, 0), start=1).arrivals())
    assert back == pytest.approx([8 - after_s for after_s in [*reversed(due_s[:-1]), 0]])


def test_a_jump_takes_no_time() -> None:
    due_s = list(ramp(Stage(0.5, 0.1), Stage(0, 1), Stage(0.5, 1), start=0.1).arrivals())
    assert [after_s for after_s in due_s if after_s <= 4] == pytest.approx([1, 2, 3, 4])
    assert len(due_s) == 44
    assert all(later - earlier == pytest.approx(0.1) for earlier, later in pairwise(due_s[4:]))


def test_questions_come_beside_pictures() -> None:
    mixed = read_scenario("mixed", rate_per_s=3, duration_s=10)
    assert len(list(mixed.arrivals())) == 30
    assert len(list(mixed.arrivals(mixed.questions_per_picture))) == 60


def test_keeping_up_is_a_threshold_of_the_time_that_was_asked_for() -> None:
    assert read_scenario("steady", duration_s=19).all_thresholds()["completed_after_s"] == "max<=20.0"
    assert "completed_after_s" not in read_scenario("spike").all_thresholds()
