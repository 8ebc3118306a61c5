"""The arithmetic of costs, and that nothing is made up where nothing is known."""

import pytest

from veilgate.domain.cost import MachinePrice, Pace, Spell, estimate, pace_of


def test_time_with_several_pictures_in_hand_counts_once() -> None:
    spells = [Spell("a", 0, 1000), Spell("a", 500, 1500), Spell("a", 600, 700), Spell("a", 9000, 9500)]
    assert pace_of(spells) == Pace(4, 1, 2.0)


def test_workers_are_judged_each_by_its_own_time() -> None:
    """Two that work side by side are not one that is twice as fast."""
    spells = [Spell("a", 0, 1000), Spell("b", 0, 1000), Spell("b", 0, 1000)]
    pace = pace_of(spells)
    assert pace == Pace(3, 2, 2.0)
    assert pace.images_a_second == 1.5


@pytest.mark.parametrize("spells", [[], [Spell("a", 5, 5)]])
def test_without_time_there_is_no_pace(spells: list[Spell]) -> None:
    assert pace_of(spells) is None


def test_hours_and_dollars_of_a_machine() -> None:
    found = estimate(
        MachinePrice("cpu", 0.5, 10.0, "bench"), 72_000, Pace(1000, 1, 10.0), workers_a_machine=2
    )
    assert (found.hours, found.usd, found.measured) == (2.0, 1.0, "bench")


def test_what_was_measured_here_goes_before() -> None:
    machine = MachinePrice("cpu", 0.5, 10.0, "bench", is_here=True)
    found = estimate(machine, 72_000, Pace(1000, 2, 50.0), workers_a_machine=1)
    assert (found.images_a_second, found.hours, found.usd) == (20.0, 1.0, 0.5)
    assert found.measured == "here: the last 1,000 pictures, 50 s of work"


def test_a_machine_is_as_fast_as_all_its_workers() -> None:
    machine = MachinePrice("cpu", 0.5, is_here=True)
    found = estimate(machine, 144_000, Pace(1000, 2, 50.0), workers_a_machine=2)
    assert (found.images_a_second, found.hours, found.usd) == (40.0, 1.0, 0.5)


def test_what_nobody_measured_stays_unknown() -> None:
    found = estimate(MachinePrice("gpu", 0.8), 1000, Pace(1000, 1, 10.0), workers_a_machine=2)
    assert (found.images_a_second, found.hours, found.usd) == (None, None, None)
    assert found.measured == "nobody has measured it"
