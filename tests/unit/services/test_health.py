"""What works and what does not, and since when."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from tests.waiting import wait_until
from veilgate.domain.errors import (
    DatabaseUnavailable,
    DiskFull,
    ObjectStoreUnavailable,
    QueueFull,
    QueueUnavailable,
    Unavailable,
    VeilgateError,
)
from veilgate.persistence.webhook_endpoint_repository import NewEndpoint
from veilgate.services.overview import health as health_module
from veilgate.services.overview import watched_part as watched_part_module
from veilgate.services.overview.health import Health, Present
from veilgate.services.uploads.admission import Admission
from veilgate.services.uploads.disk import Disk
from veilgate.services.uploads.spool import Spool
from veilgate.storage.local import LocalObjectStore

INDEX = {"model": "m", "role": "serving", "ready": True}
AT_WORK: Present = {
    "images": [{"name": "w1", "models": [{"kind": "faces", "state": "ready"}]}],
    "lookups": [],
    "deliveries": [],
    "reconciler": [{"name": "r1"}],
    "search": [{"name": "s1", "indexes": [INDEX]}],
}


class Clock:
    """What it shows is set; how long things take is not."""

    now_s = 1000.0
    monotonic = staticmethod(time.monotonic)

    def time(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watched_part_module, "time", clock)
    return clock


class Wires:
    """To each part leads a wire that can break (`away` holds the error) or fall silent (`hangs`)."""

    def __init__(self) -> None:
        self.away: dict[str, Exception] = {}
        self.hangs: dict[str, threading.Event] = {}
        self.asked: Counter[str] = Counter()

    def pass_on(self, name: str) -> None:
        self.asked[name] += 1
        if name in self.hangs:
            self.hangs[name].wait(30)
        if name in self.away:
            raise self.away[name]


class House:
    def __init__(self, shelf: Shelf, *, needed_bytes: int = 1, max_waiting: int = 100) -> None:
        self.wires = Wires()
        self.present = AT_WORK
        store = LocalObjectStore(shelf.folder / "objects")
        store.check = lambda: self.wires.pass_on("object_store")  # type: ignore[method-assign]
        database = shelf.database
        database.probe = lambda: self.wires.pass_on("database")  # type: ignore[method-assign]
        disk = Disk((shelf.folder,), needed_bytes=needed_bytes)
        self.health = Health(
            database,
            store,
            Admission(database, disk, max_waiting=max_waiting, max_age_s=100),
            spool=Spool(shelf.folder / "incoming"),
            disk=disk,
            look_for_workers=self._look,
        )

    def part(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.health.report()["parts"][name]
        return found

    def close(self) -> None:
        for hanging in self.wires.hangs.values():
            hanging.set()
        self.health.close()

    def _look(self) -> Present:
        self.wires.pass_on("redis")
        return self.present


@pytest.fixture
def house(shelf: Shelf) -> Iterator[House]:
    house = House(shelf)
    yield house
    house.close()


def test_all_is_well(house: House) -> None:
    house.health.check_ready()
    report = house.health.report()
    assert report["status"] == "ok"
    assert {part["status"] for part in report["parts"].values()} == {"ok"}
    assert report["parts"]["disk"]["free_bytes"] > 0
    assert report["workers"] == AT_WORK
    assert report["models"] == {"faces": {"kind": "faces", "state": "ready"}}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("database", DatabaseUnavailable()),
        ("object_store", ObjectStoreUnavailable()),
        ("object_store", DiskFull()),
    ],
)
def test_what_acceptance_needs_makes_it_not_ready(house: House, name: str, error: VeilgateError) -> None:
    house.wires.away[name] = error
    with pytest.raises(type(error)):
        house.health.check_ready()
    wrong = house.part(name)
    assert (wrong["status"], wrong["code"], wrong["message"]) == ("wrong", error.code, error.message)


def test_a_full_disk_is_named_with_what_is_left(shelf: Shelf) -> None:
    house = House(shelf, needed_bytes=1 << 62)
    with pytest.raises(DiskFull):
        house.health.check_ready()
    wrong = house.part("disk")
    assert (wrong["status"], wrong["code"]) == ("wrong", "disk_full")
    assert 0 < wrong["free_bytes"] < 1 << 62
    house.close()


def test_a_full_queue_is_degraded_and_ready(shelf: Shelf) -> None:
    house = House(shelf, max_waiting=2)
    shelf.add("a", "b")
    house.health.check_ready()
    wrong = house.part("queue")
    assert (wrong["status"], wrong["code"]) == ("wrong", "queue_full")
    house.close()


def test_without_a_database_nothing_is_said_of_the_queue(house: House) -> None:
    house.wires.away["database"] = DatabaseUnavailable()
    assert "queue" not in house.health.report()["parts"]


def test_without_redis_it_is_ready_and_nothing_is_said_of_workers(house: House) -> None:
    house.wires.away["redis"] = QueueUnavailable()
    house.health.check_ready()
    report = house.health.report()
    assert report["status"] == "degraded"
    assert set(report["parts"]) == {"database", "object_store", "disk", "redis", "queue"}


def test_a_missing_worker_is_named(house: House) -> None:
    house.present = {**AT_WORK, "images": []}
    assert house.health.report()["status"] == "degraded"
    wrong = house.part("images_worker")
    assert wrong["code"] == "no_worker"
    assert abs(wrong["since"] - time.time()) < 30
    assert house.part("reconciler_worker") == {"status": "ok"}
    house.present = AT_WORK
    assert house.part("images_worker") == {"status": "ok"}


def test_work_that_nobody_does_is_said_whatever_is_enabled(house: House, shelf: Shelf) -> None:
    shelf.add("young", "old")
    shelf.change("young", kind="lookup")
    assert house.health.report()["status"] == "ok", "what is young may be begun in a moment"
    shelf.change("old", kind="lookup", not_before_ms=int(time.time() * 1000) - 11_000)
    endpoint = NewEndpoint("e-1", OWNER, None, "https://receiver.example/", ("job.completed",), "secret")
    with shelf.database.write() as transaction:
        transaction.webhook_endpoints.insert(endpoint)
    assert house.health.report()["status"] == "degraded"
    for family in ("lookups", "deliveries"):
        assert house.part(f"{family}_worker")["code"] == "no_worker"
    house.present = {**AT_WORK, "lookups": [{"name": "l1"}], "deliveries": [{"name": "d1"}]}
    assert house.health.report()["status"] == "ok"


def test_without_a_search_server_the_house_is_degraded(house: House) -> None:
    house.present = {**AT_WORK, "search": []}
    assert house.health.report()["status"] == "degraded"
    assert house.part("search")["code"] == "search_unavailable"
    house.health.check_ready()
    house.present = {**AT_WORK, "search": [{"name": "s1", "indexes": [INDEX | {"ready": False}]}]}
    assert house.part("search")["code"] == "index_not_ready"
    ready_for_later = INDEX | {"role": "building"}
    house.present = {**AT_WORK, "search": [{"name": "s1", "indexes": [ready_for_later]}]}
    assert house.part("search")["code"] == "index_not_ready"
    house.present = AT_WORK
    assert house.part("search") == {"status": "ok"}


@pytest.mark.parametrize("name", ["database", "object_store", "redis"])
def test_a_part_that_hangs_does_not_hang_the_answer(
    house: House, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.health.report()  # connects, which may take a while
    monkeypatch.setattr(health_module, "PATIENCE_S", 1.0)
    house.wires.hangs[name] = threading.Event()
    began_s = time.monotonic()
    report = house.health.report()
    assert time.monotonic() - began_s < 5
    assert report["parts"][name]["code"] == "timeout"
    wrong = {part for part, state in report["parts"].items() if state["status"] != "ok"}
    assert wrong == {name}, "the others had their say"


def test_what_hangs_is_not_ready(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "PATIENCE_S", 0.2)
    house.wires.hangs["object_store"] = threading.Event()
    with pytest.raises(ObjectStoreUnavailable, match="not answered"):
        house.health.check_ready()


def test_a_bug_in_a_question_is_said_and_shows_nothing_of_it(house: House) -> None:
    house.wires.away["database"] = ValueError("secret")
    wrong = house.part("database")
    assert wrong["code"] == "internal"
    assert "secret" not in wrong["message"]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (DatabaseUnavailable(), "database"),
        (ObjectStoreUnavailable(), "object_store"),
        (DiskFull(), "object_store"),
        (DiskFull(), "database"),
        (QueueUnavailable(), "redis"),
    ],
)
def test_errors_that_callers_met_say_since_when(
    house: House, error: Unavailable, name: str, clock: Clock
) -> None:
    house.wires.away[name] = error
    house.health.note(error)
    wait_until(lambda: house.wires.asked[name], timeout_s=5, what="that it is looked into")
    clock.now_s = 2000
    assert house.part(name)["since"] == 1000


def test_an_error_that_was_nobodys_fault_leaves_no_trace(house: House) -> None:
    house.health.note(DatabaseUnavailable("The database is too busy."))
    house.health.note(QueueFull())
    assert house.health.report()["status"] == "ok"
