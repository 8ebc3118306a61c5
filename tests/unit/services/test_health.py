"""What works and what does not, and since when."""

from typing import Any

import pytest

from tests.integration.persistence.databases import Shelf
from veilgate.domain.errors import DatabaseUnavailable, ObjectStoreUnavailable, QueueUnavailable
from veilgate.persistence.unit_of_work import Database
from veilgate.services import health as health_module
from veilgate.services.health import Health, Present
from veilgate.storage.local import LocalObjectStore

AT_WORK: Present = {
    "images": [{"name": "w1", "models": [{"kind": "faces", "state": "ready"}]}],
    "reconciler": [{"name": "r1"}],
}


class Clock:
    now_s = 1000.0

    def time(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(health_module, "time", clock)
    return clock


class House:
    """A health whose parts can be taken away: `away` holds the error of each part that is."""

    def __init__(self, shelf: Shelf) -> None:
        self.away: dict[str, Exception] = {}
        self.present = AT_WORK
        store = LocalObjectStore(shelf.folder / "objects")
        store.check = lambda: self._may_fail("store")  # type: ignore[method-assign]
        self.health = Health(self._database(shelf), store, look_for_workers=self._look)

    def part(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.health.report()["parts"][name]
        return found

    def _database(self, shelf: Shelf) -> Database:
        read = shelf.database.read

        def read_or_fail() -> Any:
            self._may_fail("database")
            return read()

        shelf.database.read = read_or_fail  # type: ignore[method-assign]
        return shelf.database

    def _look(self) -> Present:
        self._may_fail("redis")
        return self.present

    def _may_fail(self, name: str) -> None:
        if name in self.away:
            raise self.away[name]


@pytest.fixture
def house(shelf: Shelf) -> House:
    return House(shelf)


def test_all_is_well(house: House) -> None:
    house.health.check_ready()
    report = house.health.report()
    assert report["status"] == "ok"
    assert {part["status"] for part in report["parts"].values()} == {"ok"}
    assert report["workers"] == AT_WORK
    assert report["models"] == {"faces": {"kind": "faces", "state": "ready"}}


@pytest.mark.parametrize(
    ("name", "error", "part"),
    [("database", DatabaseUnavailable(), "database"), ("store", ObjectStoreUnavailable(), "object_store")],
)
def test_what_acceptance_needs_makes_it_not_ready(
    house: House, name: str, error: DatabaseUnavailable, part: str
) -> None:
    house.away[name] = error
    with pytest.raises(type(error)):
        house.health.check_ready()
    assert house.part(part)["code"] == error.code


def test_without_redis_it_is_ready_and_nothing_is_said_of_workers(house: House) -> None:
    house.away["redis"] = QueueUnavailable()
    house.health.check_ready()
    report = house.health.report()
    assert report["status"] == "degraded"
    assert set(report["parts"]) == {"database", "object_store", "redis"}


def test_a_missing_worker_is_named(house: House) -> None:
    house.present = {"images": [], "reconciler": AT_WORK["reconciler"]}
    assert house.health.report()["status"] == "degraded"
    assert house.part("images_worker")["code"] == "no_worker"
    assert house.part("reconciler_worker") == {"status": "ok"}


def test_since_stands_until_it_is_right_again(house: House, clock: Clock) -> None:
    house.away["redis"] = QueueUnavailable()
    assert house.part("redis")["since"] == 1000
    clock.now_s = 1010
    assert house.part("redis")["since"] == 1000
    house.away.clear()
    assert house.part("redis") == {"status": "ok"}
    house.away["redis"] = QueueUnavailable()
    assert house.part("redis")["since"] == 1010
