"""A part is asked by a thread of its own, and since when it is wrong is told truly."""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.waiting import wait_until
from veilgate.services.overview import watched_part as watched_part_module
from veilgate.services.overview.watched_part import NoAnswer, State, WatchedPart


class Part:
    """Something that can be made to fail and to hang; counts how often it was asked."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.flows = threading.Event()
        self.flows.set()
        self.asked = 0
        self.watched = WatchedPart("part", self._answer)

    def state(self, *, patience_s: float = 5) -> State:
        return self.watched.state(self.watched.begin(), until_s=time.monotonic() + patience_s)

    def _answer(self) -> None:
        error = self.error
        self.asked += 1
        self.flows.wait(30)
        if error is not None:
            raise error


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Iterator[Part]:
    monkeypatch.setattr(watched_part_module, "_EVERY_S", 0.02)
    part = Part()
    yield part
    part.flows.set()
    part.watched.close()


def test_all_is_well(part: Part) -> None:
    assert part.state() == State(None, None)


def test_what_works_is_asked_only_when_somebody_wants_to_know(part: Part) -> None:
    part.state()
    threading.Event().wait(0.1)
    assert part.asked == 1


def test_since_is_when_it_was_first_suspected(part: Part) -> None:
    part.error = OSError()
    began_s = time.time()
    part.watched.suspect()
    wait_until(lambda: part.asked > 3, timeout_s=5, what="some rounds")
    state = part.state()
    assert isinstance(state.error, OSError)
    assert state.since_s is not None
    assert began_s <= state.since_s < began_s + 0.5
    assert part.state().since_s == state.since_s


def test_an_outage_that_came_and_went_is_over_though_nobody_asked(part: Part) -> None:
    part.error = OSError()
    part.watched.suspect()
    wait_until(lambda: part.asked > 1, timeout_s=5, what="the outage is seen")
    part.error = None
    last_asked = part.asked
    wait_until(lambda: part.asked > last_asked, timeout_s=5, what="its end is seen")
    part.error = OSError()
    again_s = time.time()
    state = part.state()
    assert state.since_s is not None
    assert state.since_s >= again_s, "not since the outage before"


def test_a_suspicion_that_proves_wrong_is_not_reported(part: Part) -> None:
    part.watched.suspect()
    wait_until(lambda: part.asked > 0, timeout_s=5, what="a round")
    assert part.state() == State(None, None)


def test_a_part_that_hangs_is_given_up_in_time_and_since_its_silence(part: Part) -> None:
    part.flows.clear()
    asked_s = time.time()
    state = part.state(patience_s=0.05)
    assert isinstance(state.error, NoAnswer)
    assert state.since_s is not None
    assert asked_s <= state.since_s < asked_s + 1
    assert isinstance(part.state(patience_s=0.05).error, NoAnswer)
    assert part.asked == 1, "however many ask, one thread waits"
    part.flows.set()
    assert part.state() == State(None, None)


def test_an_answer_to_an_older_question_does_not_count(part: Part) -> None:
    part.flows.clear()
    older = part.watched.begin()
    wait_until(lambda: part.asked == 1, timeout_s=5, what="the older question")
    part.error = OSError()
    newer = part.watched.begin()
    part.flows.set()
    until_s = time.monotonic() + 5
    assert isinstance(part.watched.state(newer, until_s=until_s).error, OSError)
    assert older < newer


def test_a_closed_one_asks_no_more(part: Part) -> None:
    part.error = OSError()
    part.state()
    part.watched.close()
    asked = part.asked
    threading.Event().wait(0.1)
    assert part.asked <= asked + 1
