"""Disks that are really full: under everything, under Redis' log, under the database server."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.faults.cells import MARIADB, SQLITE, Seen, cell
from tests.faults.client import Clients
from tests.faults.houses import open_house
from tests.faults.oracle import Oracle
from tests.faults.rig import Rig
from tests.fixtures.small_disk import SmallDisk, SmallDiskAt

_LARGEST_UPLOAD_BYTES = 400_000
_FULL = {507, 503}


def short_folder() -> Path:
    """Sockets lie in it: pytest's folders are longer than the 104 bytes that a socket's path may have."""
    return Path(tempfile.gettempdir()) / f"vg-{uuid4().hex[:8]}"


@contextmanager
def servers_on(disk: SmallDisk) -> Iterator[None]:
    """Those that are made meanwhile keep their files there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(disk.folder))
        yield


def begun(rig: Rig) -> tuple[Rig, Clients, Oracle]:
    rig.start()
    clients = Clients(rig.port)
    oracle = Oracle(rig, clients)
    oracle.learn()
    return rig, clients, oracle


def refused(clients: Clients) -> httpx.Response:
    """The answer to an upload that must not be taken."""
    answer = clients.send(clients.photo())
    assert answer is not None
    assert answer.status_code in _FULL, answer.text
    return answer


def fill_until_refused(rig: Rig, clients: Clients, disk: SmallDisk) -> httpx.Response:
    disk.fill()

    def refusal() -> httpx.Response | None:
        answer = clients.send(clients.photo())
        return answer if answer is not None and answer.status_code != httpx.codes.ACCEPTED else None

    return rig.until(refusal, what="an upload that is refused")


@cell(
    "F39",
    fault="disk full under database, objects, spool and log at once, with work in hand",
    promised="507; nothing half; all is done when there is room",
    houses=(SQLITE,),
)
def test_everything_on_a_full_disk(
    house_name: str, small_disk_at: SmallDiskAt, tmp_path: Path, stack: ExitStack, seen: Seen
) -> None:
    disk = small_disk_at(tmp_path / "disk", size_bytes=24_000_000)
    data_dir = tmp_path / "disk" / "data"
    data_dir.mkdir()
    house = open_house(house_name, data_dir, stack)
    rig, clients, oracle = begun(Rig(data_dir, house, stack, MAX_UPLOAD_BYTES=str(_LARGEST_UPLOAD_BYTES)))
    rig.restart("worker-1", failpoints="in_infer:sleep=1@1")
    rig.restart("worker-2", failpoints="in_infer:sleep=1@1")
    clients.upload_many(6)
    lives = {name: len(member.ends) for name, member in rig.members.items()}
    answer = fill_until_refused(rig, clients, disk)
    assert answer.status_code == 507, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    accepted = set(clients.told.accepted)
    rig.until(lambda: disk_state(rig) == "disk_full", what="/health that says so")
    assert not oracle.have_ended(accepted), "work was to be in hand"
    assert refused(clients).status_code == 507
    disk.empty()
    clients.insist()
    oracle.check(timeout_s=90)
    assert lives == {name: len(member.ends) for name, member in rig.members.items()}, (
        "nobody was to die of it"
    )
    seen.saw(f"507 with Retry-After, {len(accepted)} of {len(accepted)} done when there was room")


@cell(
    "F39",
    fault="disk full under Redis' append-only file",
    promised="202 all the while, because the database is the truth; the queue catches up",
    houses=(SQLITE,),
)
def test_redis_on_a_full_disk(
    house_name: str,
    small_disk_at: SmallDiskAt,
    tmp_path: Path,
    stack: ExitStack,
    seen: Seen,
) -> None:
    disk = small_disk_at(short_folder(), size_bytes=8_000_000)
    house = open_house(house_name, tmp_path, stack)
    with servers_on(disk):
        rig = Rig(tmp_path, house, stack)
    rig, clients, oracle = begun(rig)
    disk.fill()
    rig.until(lambda: "MISCONF" in said_by_redis(rig), what="a Redis that cannot write its log")
    ids = clients.upload_many(5)
    part = rig.http.get("/health").json()["parts"]["redis"]
    assert part["status"] == "wrong"
    assert not oracle.have_ended(ids)
    disk.empty()
    oracle.check(timeout_s=90)
    seen.saw(f"{len(ids)} of {len(ids)} had 202 meanwhile and were done when there was room")


@cell(
    "F39",
    fault="disk full under mariadbd",
    promised="507 or 503 with Retry-After; nothing half; uploads are taken when there is room",
    houses=(MARIADB,),
)
def test_mariadb_on_a_full_disk(
    house_name: str,
    small_disk_at: SmallDiskAt,
    tmp_path: Path,
    stack: ExitStack,
    seen: Seen,
) -> None:
    disk = small_disk_at(short_folder(), size_bytes=200_000_000)
    with servers_on(disk):
        house = open_house(house_name, tmp_path, stack)
    rig, clients, oracle = begun(Rig(tmp_path, house, stack))
    answer = fill_until_refused(rig, clients, disk)
    accepted = len(clients.told.accepted)
    assert answer.status_code in _FULL, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    disk.empty()
    clients.insist()
    oracle.check(timeout_s=90)
    seen.saw(
        f"{accepted} taken into what was allotted, then {answer.status_code}; all done when there was room"
    )


def disk_state(rig: Rig) -> str:
    return str(rig.http.get("/health").json()["parts"]["disk"].get("code", "ok"))


def said_by_redis(rig: Rig) -> str:
    try:
        rig.redis_client.set("veilgate:test:tried", 1, ex=60)
    except Exception as error:  # noqa: BLE001 - what it says is what is asked
        return str(error)
    return ""
