"""Events of a job: numbered 1..n without a gap, whoever writes them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.persistence.databases import Shelf
from veilgate.persistence.records import NewEvent


def test_concurrent_writers_of_one_job_leave_no_gap(shelf: Shelf) -> None:
    shelf.add("a", "b")
    fence = shelf.claim("a")
    assert fence is not None

    def append(writer: int) -> None:
        for number in range(25):
            with shelf.database.write() as transaction:
                stage = f"{writer}.{number}"
                if number % 2:
                    transaction.events.append("a", NewEvent(stage, "x", "{}"))
                else:
                    assert transaction.events.append_fenced("a", fence, NewEvent(stage, "x", "{}"))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(append, range(4)))
    with shelf.database.read() as transaction:
        events = transaction.events.after("a", 0)
    assert [event.seq for event in events] == list(range(1, 102))
    assert len({event.stage for event in events}) == 101
    assert shelf.job("a")["event_seq"] == 101
    for writer in range(4):
        own = [event.stage for event in events if event.stage.startswith(f"{writer}.")]
        assert own == [f"{writer}.{number}" for number in range(25)], "each writer's order is kept"


def test_a_rolled_back_event_leaves_no_gap(shelf: Shelf) -> None:
    shelf.add("a")

    def append_and_raise() -> None:
        with shelf.database.write() as transaction:
            transaction.events.append("a", NewEvent("lost", "x", "{}"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        append_and_raise()
    with shelf.database.write() as transaction:
        transaction.events.append("a", NewEvent("kept", "x", "{}", took_ms=3, model="m"))
    with shelf.database.read() as transaction:
        events = transaction.events.after("a", 1)
    assert [(event.seq, event.stage, event.took_ms, event.model) for event in events] == [(2, "kept", 3, "m")]


def test_events_carry_the_delivery_they_belong_to(shelf: Shelf) -> None:
    shelf.add("a")
    for fence in (1, 2):
        shelf.claim("a")
        with shelf.database.write() as transaction:
            transaction.events.append_fenced("a", fence, NewEvent("s", "x", "{}"))
        shelf.expire("a")
    with shelf.database.read() as transaction:
        assert [event.attempt for event in transaction.events.after("a", 0)] == [0, 1, 2]


def test_reading_resumes_after_any_number(shelf: Shelf) -> None:
    shelf.add("a")
    with shelf.database.write() as transaction:
        for number in range(5):
            transaction.events.append("a", NewEvent(str(number), "x", "{}"))
    with shelf.database.read() as transaction:
        assert [event.seq for event in transaction.events.after("a", 3)] == [4, 5, 6]
        assert [event.seq for event in transaction.events.after("a", 1, limit=2)] == [2, 3]
        assert transaction.events.after("a", 6) == []


def test_a_job_that_is_not_there_gets_no_event(shelf: Shelf) -> None:
    with shelf.database.write() as transaction:
        assert not transaction.events.append_fenced("nobody", 1, NewEvent("s", "x", "{}"))
    assert shelf.rows("SELECT * FROM stage_events") == []


def test_a_claim_knows_which_stages_it_has_written(shelf: Shelf) -> None:
    shelf.add("a")
    for fence in (1, 2):
        shelf.claim("a")
        with shelf.database.write() as transaction:
            assert not transaction.events.has_stage("a", fence, "s"), "what an earlier claim wrote counts not"
            transaction.events.append_fenced("a", fence, NewEvent("s", "x", "{}"))
        with shelf.database.read() as transaction:
            assert transaction.events.has_stage("a", fence, "s")
            assert not transaction.events.has_stage("a", fence, "t")
            assert not transaction.events.has_stage("a", fence + 1, "s")
        shelf.expire("a")
