"""What Prometheus is told of the whole house: all of it from the start, and none that holds up the rest."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from tests.unit.services.test_health import AT_WORK, House
from veilgate.domain.errors import DatabaseUnavailable, QueueUnavailable
from veilgate.domain.jobs import Lane
from veilgate.domain.lookups import Bill
from veilgate.persistence.tables.outgoing import webhook_deliveries, webhook_endpoints
from veilgate.services.jobs.job_control import JobControl
from veilgate.services.overview import house_numbers as house_numbers_module
from veilgate.services.overview.house_numbers import HouseNumbers
from veilgate.services.overview.statistics import Statistics

Told = dict[str, float]
KINDS, LANES = ("veil", "lookup"), ("interactive", "bulk")
# Whatever has not happened yet.
FROM_THE_START = {
    *(f"veilgate_queue_waiting {family} {lane}" for family in ("images", "lookups") for lane in LANES),
    *(f"veilgate_queue_processing {family}" for family in ("images", "lookups")),
    *(f"veilgate_queue_oldest_seconds {family}" for family in ("images", "lookups")),
    *(f"veilgate_jobs_ended_total {k} {s}" for k in KINDS for s in ("completed", "failed", "cancelled")),
    *(f"veilgate_job_retries_total {kind}" for kind in KINDS),
    *(f"veilgate_dead_jobs {kind}" for kind in KINDS),
    "veilgate_faces_veiled_total",
    "veilgate_webhook_backlog",
    "veilgate_webhook_oldest_seconds",
    "veilgate_lookup_spent_today_usd",
}
FROM_ROWS = FROM_THE_START | {"veilgate_lookup_budget_usd", "veilgate_house_age_seconds"}


@pytest.fixture
def house(shelf: Shelf) -> Iterator[House]:
    with closing(House(shelf)) as house:
        yield house


def told(shelf: Shelf, house: House) -> Told:
    """By name and labels, as somebody hears it who asks for the first time."""
    with closing(HouseNumbers(shelf.database, house.health, lookup_daily_usd=7)) as numbers:
        return by_name(numbers)


def by_name(numbers: HouseNumbers) -> Told:
    values = [(" ".join((value.reading.name, *value.labels)), value.value) for value in numbers.values()]
    assert len(dict(values)) == len(values)
    return dict(values)


def test_all_is_told_before_anything_has_happened(shelf: Shelf, house: House) -> None:
    found = told(shelf, house)
    assert {name: found.get(name) for name in FROM_THE_START} == dict.fromkeys(FROM_THE_START, 0)
    assert found["veilgate_lookup_budget_usd"] == 7
    families = {name.split()[1]: value for name, value in found.items() if "workers_present" in name}
    assert families == {family: len(present) for family, present in AT_WORK.items()}
    assert found["veilgate_part_ok database"] == found["veilgate_part_ok images_worker"] == 1


def test_who_waits_is_counted_dispatched_or_not(shelf: Shelf, house: House) -> None:
    with shelf.database.read() as transaction:
        now_ms = transaction.now_ms()
    shelf.add("a", "b", "c", "d")
    shelf.add("e", "f", lane=Lane.BULK)
    shelf.change("a", dispatched_at_ms=now_ms, not_before_ms=now_ms - 9000)
    shelf.change("b", not_before_ms=now_ms + 3_600_000)  # in back-off
    shelf.change("c", kind="lookup")
    shelf.claim("d")
    found = told(shelf, house)
    assert found["veilgate_queue_waiting images interactive"] == 2
    assert found["veilgate_queue_waiting images bulk"] == 2
    assert found["veilgate_queue_waiting lookups interactive"] == 1
    assert found["veilgate_queue_processing images"] == 1
    assert 9 <= found["veilgate_queue_oldest_seconds images"] < 60
    assert found["veilgate_queue_oldest_seconds lookups"] < 9
    shelf.change("a", status="cancelled")
    for job_id in ("e", "f"):
        shelf.change(job_id, not_before_ms=now_ms + 3_600_000)
    assert told(shelf, house)["veilgate_queue_oldest_seconds images"] == 0


def test_what_ended_is_never_less_than_before(shelf: Shelf, house: House) -> None:
    """Prometheus takes a fall for a restart from 0, and would count every end of the house once more."""
    control = JobControl(shelf.database)
    shelf.add(job := "01900000-0000-7000-8000-000000000000")
    shelf.change(job, status="failed")
    with shelf.database.write() as transaction:
        transaction.totals.add(failed=1)
    found = told(shelf, house)
    assert (found["veilgate_jobs_ended_total veil failed"], found["veilgate_dead_jobs veil"]) == (1, 1)
    control.retry(job, OWNER)
    found = told(shelf, house)
    assert (found["veilgate_jobs_ended_total veil failed"], found["veilgate_dead_jobs veil"]) == (1, 0)
    for ends in (1, 2):
        control.cancel(job, OWNER)
        assert told(shelf, house)["veilgate_jobs_ended_total veil cancelled"] == ends
        control.retry(job, OWNER)
    jobs = Statistics(shelf.database).stats()["jobs"]
    assert (jobs["failed"], jobs["cancelled"], jobs["submitted"]) == (0, 0, 1)


def test_what_waits_for_webhooks_and_what_lookups_cost(shelf: Shelf, house: House) -> None:
    with shelf.database.write() as transaction:
        now_ms = transaction.now_ms()
        common = {"owner_id": OWNER, "created_at_ms": now_ms, "updated_at_ms": now_ms, "secret": "s"}
        transaction.connection.execute(
            webhook_endpoints.insert(),
            [
                {"id": "on", "url": "http://a", "events": "[]", "paused_until_ms": 0, **common},
                {"id": "rests", "url": "http://b", "events": "[]", "paused_until_ms": now_ms * 2, **common},
            ],
        )
        # Endpoint, state, due for so many seconds: one was asked for by hand, one is in back-off.
        deliveries = [
            ("on", "pending", 8),
            ("on", "pending", -60),
            ("on", "pending", now_ms / 1000),
            ("on", "delivered", 900),
            ("rests", "pending", 500),
        ]
        for number, (endpoint, status, due_for_s) in enumerate(deliveries):
            transaction.connection.execute(
                webhook_deliveries.insert().values(
                    id=f"d{number}",
                    endpoint_id=endpoint,
                    owner_id=OWNER,
                    seq=number,
                    event="job.completed",
                    payload="{}",
                    status=status,
                    not_before_ms=now_ms - round(due_for_s * 1000),
                    created_at_ms=now_ms,
                )
            )
        transaction.spending.add("somebody", {"a": Bill(1, 0, 250_000), "b": Bill(1, 0, 1_500_000)})
        transaction.spending.add(OWNER, {"a": Bill(1, 0, 250_000)})
    found = told(shelf, house)
    assert found["veilgate_webhook_backlog"] == 4
    assert 8 <= found["veilgate_webhook_oldest_seconds"] < 60
    assert found["veilgate_lookup_spent_today_usd"] == 2


class Silence:
    """That of a database which hangs, and for which nobody waits long then."""

    def __init__(self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._is_over, self._read = threading.Event(), shelf.database.read
        monkeypatch.setattr(shelf.database, "read", self._answer)
        monkeypatch.setattr(house_numbers_module, "_AT_LEAST_EVERY_S", 0.0)
        self.end()

    def begin(self) -> None:
        self._is_over.clear()
        self._monkeypatch.setattr(house_numbers_module, "_PATIENCE_S", 0.3)

    def end(self) -> None:
        self._is_over.set()
        self._monkeypatch.setattr(house_numbers_module, "_PATIENCE_S", 30.0)

    def _answer(self) -> object:
        self._is_over.wait(30)
        return self._read()


@pytest.fixture
def silence(sqlite_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Silence:
    return Silence(sqlite_shelf, monkeypatch)


def test_a_database_that_hangs_holds_up_no_other_number(
    sqlite_shelf: Shelf, silence: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        closing(House(sqlite_shelf)) as house,
        closing(HouseNumbers(sqlite_shelf.database, house.health, lookup_daily_usd=7)) as numbers,
    ):
        assert by_name(numbers).keys() >= FROM_ROWS
        monkeypatch.setattr(house_numbers_module, "_OLDEST_S", 0.2)
        silence.begin()
        began_s = time.monotonic()
        found = by_name(numbers)
        assert time.monotonic() - began_s < 5
        assert not found.keys() & FROM_ROWS
        assert (found["veilgate_part_ok redis"], found["veilgate_part_ok queue"]) == (1, 0)
        assert found["veilgate_workers_present images"] == 1
        monkeypatch.setattr(house_numbers_module, "_OLDEST_S", 60.0)
        silence.end()
        assert by_name(numbers).keys() >= FROM_ROWS


def test_what_takes_long_to_count_is_shown_as_it_was_and_how_old_it_is(
    sqlite_shelf: Shelf, silence: Silence
) -> None:
    with (
        closing(House(sqlite_shelf)) as house,
        closing(HouseNumbers(sqlite_shelf.database, house.health, lookup_daily_usd=7)) as numbers,
    ):
        silence.begin()
        assert not by_name(numbers).keys() & FROM_ROWS, "nothing has been counted yet"
        silence.end()
        sqlite_shelf.add("a")
        assert by_name(numbers)["veilgate_queue_waiting images interactive"] == 1
        silence.begin()
        sqlite_shelf.add("b")
        found = by_name(numbers)
        assert found["veilgate_queue_waiting images interactive"] == 1
        assert 0.3 <= found["veilgate_house_age_seconds"] < 60
        ended_s = time.monotonic()
        silence.end()
        found = by_name(numbers)
        assert found["veilgate_queue_waiting images interactive"] == 2
        assert found["veilgate_house_age_seconds"] < time.monotonic() - ended_s


def test_a_database_that_fails_is_told_by_no_old_number(
    sqlite_shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house_numbers_module, "_AT_LEAST_EVERY_S", 0.0)
    with (
        closing(House(sqlite_shelf)) as house,
        closing(HouseNumbers(sqlite_shelf.database, house.health, lookup_daily_usd=7)) as numbers,
    ):
        assert by_name(numbers).keys() >= FROM_ROWS

        def fail() -> object:
            raise DatabaseUnavailable

        monkeypatch.setattr(sqlite_shelf.database, "read", fail)
        assert not by_name(numbers).keys() & FROM_ROWS


def test_while_redis_is_away_nobody_knows_who_is_at_work(shelf: Shelf, house: House) -> None:
    house.wires.away["redis"] = QueueUnavailable()
    found = told(shelf, house)
    assert found["veilgate_part_ok redis"] == 0
    assert not [name for name in found if name.startswith("veilgate_workers_present")]
    assert found.keys() >= FROM_THE_START


def test_however_many_ask_the_house_is_asked_once(shelf: Shelf, house: House) -> None:
    numbers = HouseNumbers(shelf.database, house.health, lookup_daily_usd=7)
    with closing(numbers), ThreadPoolExecutor(8) as askers:
        answers = list(askers.map(lambda _: by_name(numbers), range(40)))
    assert house.wires.asked["redis"] == 1
    assert all(answer == answers[0] for answer in answers)
