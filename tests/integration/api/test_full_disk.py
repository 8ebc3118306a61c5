"""A disk that is really full: 507, nothing half, and all is well again when there is room."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.small_disk import SmallDisk, SmallDiskAt
from tests.integration.api.conftest import StartGateway
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh, picture
from tests.waiting import wait_until
from veilgate.domain.errors import DiskFull
from veilgate.storage.local import LocalObjectStore

SIZE_BYTES = 8_000_000
LARGEST_UPLOAD = 400_000


@pytest.mark.parametrize("folder", ["data", "data/objects"])
def test_without_room_for_another_upload_nothing_is_taken(
    small_disk_at: SmallDiskAt, start_gateway: StartGateway, tmp_path: Path, folder: str
) -> None:
    disk = small_disk_at(tmp_path / folder, size_bytes=SIZE_BYTES)
    # What is asked for must be more than the database's own log takes for the uploads until it is noticed.
    needed = 4 * LARGEST_UPLOAD
    gateway = start_gateway(MAX_UPLOAD_BYTES=str(needed))
    accepted = gateway.accepted_job(fresh())
    disk.fill(leave_bytes=needed - 8192)
    wait_until(lambda: gateway.upload(fresh()).status_code == 507, timeout_s=5, what="a refusal", poll_s=0.2)
    held = kept(gateway)
    assert_full(gateway)
    wrong = part(gateway, "disk")
    assert wrong["code"] == "disk_full"
    assert 0 < wrong["free_bytes"] < needed
    assert part(gateway, "database")["status"] == "ok"
    assert kept(gateway) == held
    assert gateway.status(accepted)["status"] == "submitted"
    assert_recovers(gateway, disk)


def test_a_store_that_takes_no_more_files(
    small_disk_at: SmallDiskAt, start_gateway: StartGateway, tmp_path: Path
) -> None:
    """There are bytes enough, and still nothing can be written: only writing shows it."""
    disk = small_disk_at(tmp_path / "data" / "objects", size_bytes=SIZE_BYTES, files=40)
    gateway = start_gateway(MAX_UPLOAD_BYTES=str(LARGEST_UPLOAD))
    gateway.accepted_job(fresh())
    disk.use_up_files()
    held = kept(gateway)
    assert_full(gateway)
    assert part(gateway, "object_store")["code"] == "disk_full"
    assert kept(gateway) == held
    assert_recovers(gateway, disk)


def test_a_disk_that_fills_up_under_uploads(
    small_disk_at: SmallDiskAt, start_gateway: StartGateway, tmp_path: Path
) -> None:
    """Each found room when it began; there is none for all of them."""
    disk = small_disk_at(tmp_path / "data" / "objects", size_bytes=SIZE_BYTES)
    gateway = start_gateway(MAX_UPLOAD_BYTES=str(LARGEST_UPLOAD))
    large = picture("PNG", size_wh=(400, 300))
    assert LARGEST_UPLOAD - 50_000 < len(large) < LARGEST_UPLOAD
    gateway.accepted_job(fresh())
    disk.fill(leave_bytes=3 * LARGEST_UPLOAD)
    pictures = [picture("PNG", size_wh=(400, 300), seed=seed) for seed in range(1, 13)]
    with ThreadPoolExecutor(len(pictures)) as clients:
        answers = list(clients.map(gateway.upload, pictures))
    accepted = [answer.json()["job_id"] for answer in answers if answer.status_code == 202]
    refused = {answer.json()["code"] for answer in answers if answer.status_code != 202}
    assert refused == {"disk_full"}
    assert 1 <= len(accepted) <= 3
    rows, originals = kept(gateway)
    assert len(originals) == len(accepted) + 1
    assert rows == (len(accepted) + 1, len(accepted) + 1)
    assert_recovers(gateway, disk)


def test_a_database_that_cannot_grow(
    small_disk_at: SmallDiskAt, start_gateway: StartGateway, tmp_path: Path
) -> None:
    disk = small_disk_at(tmp_path / "rows", size_bytes=SIZE_BYTES)
    url = f"sqlite:///{disk.folder / 'veilgate.db'}"
    gateway = start_gateway(DATABASE_URL=url, MAX_UPLOAD_BYTES="20000")
    accepted = [gateway.accepted_job(fresh())]
    disk.fill(leave_bytes=300_000)

    def is_refused() -> bool:
        answer = gateway.upload(fresh())
        if answer.status_code == 202:
            accepted.append(answer.json()["job_id"])
        return answer.status_code == 507

    wait_until(is_refused, timeout_s=30, what="a refusal", poll_s=0)
    assert_full(gateway)
    assert {path[-36:] for path in kept(gateway)[1]} >= set(accepted)
    assert assert_recovers(gateway, disk) not in accepted
    with closing(sqlite3.connect(disk.folder / "veilgate.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = {row[0] for row in connection.execute("SELECT id FROM jobs")}
    assert set(accepted) < rows
    assert len(rows) == len(accepted) + 1, "nothing half"


def test_looking_whether_it_is_full_leaves_nothing_behind(small_disk_at: SmallDiskAt, tmp_path: Path) -> None:
    disk = small_disk_at(tmp_path / "objects", size_bytes=SIZE_BYTES)
    store = LocalObjectStore(disk.folder)
    disk.fill()
    with pytest.raises(DiskFull):
        store.check()
    assert list((disk.folder / ".incoming").iterdir()) == []


def kept(gateway: Gateway) -> tuple[tuple[int, ...], set[str]]:
    """How many images and jobs, and which originals: the gateway makes and removes other files when it looks
    whether a disk is still full."""
    return gateway.rows()[:2], {path for path in gateway.held_files() if "/original/" in path}


def part(gateway: Gateway, name: str) -> dict[str, Any]:
    answer = gateway.http.get("/health")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()["parts"][name]
    return found


def assert_full(gateway: Gateway) -> None:
    answers: list[httpx.Response] = [
        gateway.upload(fresh()),
        gateway.http.post("/batch-upload", files=[("files", ("a.jpg", fresh()))]),
        gateway.http.get("/ready"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (507, "disk_full"), answer.text
        assert int(answer.headers["retry-after"]) == answer.json()["retry_after"] > 0
        assert str(gateway.data_dir) not in answer.text


def assert_recovers(gateway: Gateway, disk: SmallDisk) -> str:
    """The job that is accepted as soon as there is room."""
    disk.empty()
    wait_until(lambda: gateway.http.get("/ready").status_code == 200, timeout_s=10, what="readiness")
    answer = wait_until(lambda: _taken(gateway), timeout_s=5, what="an upload that is taken")
    parts = gateway.http.get("/health").json()["parts"]
    assert {parts[name]["status"] for name in ("database", "object_store", "disk")} == {"ok"}
    return str(answer.json()["job_id"])


def _taken(gateway: Gateway) -> httpx.Response | None:
    answer = gateway.upload(fresh())
    return answer if answer.status_code == 202 else None
