"""Kill −9 of worker, gateway and Redis while 50 uploads run: all 50 end completed, once each."""

import os
import signal
import ssl
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.e2e.house import House
from tests.e2e.oracle import check_house, check_lists_empty
from tests.waiting import wait_until

UPLOADS = 50
KILLS = ("gateway", "worker", "redis", "worker", "gateway", "redis")
# Short leases, so that what a dead worker held comes back within seconds.
HASTE = {"JOB_LEASE_S": "2", "RECONCILE_INTERVAL_S": "0.3"}
# Nothing here speaks TLS. Reading whom to trust would take 23 ms for each upload.
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "data", **HASTE)
    try:
        house.wait_for_banner()
        yield house
    finally:
        house.close()


@pytest.mark.timeout(300)
def test_nothing_is_lost_and_nothing_is_doubled(house: House, tmp_path: Path, astronaut_jpeg: bytes) -> None:
    accepted: list[str] = []

    def upload(number: int) -> None:
        accepted.append(_upload_until_accepted(house, number, astronaut_jpeg))

    with ThreadPoolExecutor(6) as clients:
        uploads = [clients.submit(upload, number) for number in range(UPLOADS)]
        for count, victim in enumerate(KILLS, start=1):
            goal = count * UPLOADS // (len(KILLS) + 1)
            wait_until(partial(_has_reached, accepted, goal), timeout_s=60, what=f"{goal} accepted uploads")
            _kill(house, victim)
        for future in uploads:
            future.result(timeout=120)
    assert len(set(accepted)) == UPLOADS
    wait_until(lambda: _completed(house) == UPLOADS, timeout_s=120, what="all jobs completed")
    redis_url = f"unix://{_redis_socket(tmp_path / 'data')}"
    wait_until(lambda: _lists_are_empty(redis_url), timeout_s=30, what="empty lists")
    check_house(tmp_path / "data", redis_url, accepted)


def _upload_until_accepted(house: House, number: int, picture: bytes) -> str:
    """What a careful client does: the same key again until there is an answer."""
    key = str(uuid.uuid4())
    # A trailing byte makes each file a different one; decoders ignore what follows the end of a JPEG.
    files = {"file": (f"{number}.jpg", picture + bytes([number]), "image/jpeg")}

    def attempt() -> str | None:
        try:
            answer = httpx.post(
                f"http://127.0.0.1:{house.port}/upload",
                files=files,
                headers={"Idempotency-Key": key},
                timeout=30,
                trust_env=False,
                verify=TRUSTS_NOBODY,
            )
        except httpx.TransportError:
            return None
        assert answer.status_code in {202, 503}, answer.text
        return str(answer.json()["job_id"]) if answer.status_code == httpx.codes.ACCEPTED else None

    return wait_until(attempt, timeout_s=90, what=f"upload {number} to be accepted", poll_s=0.1)


def _has_reached(accepted: list[str], goal: int) -> bool:
    return len(accepted) >= goal


def _kill(house: House, victim: str) -> None:
    """Kill −9, as soon as there is one: it may be down from the kill before."""
    pid = wait_until(partial(_pid_of, house, victim), timeout_s=30, what=f"a {victim}")
    os.kill(pid, signal.SIGKILL)


def _pid_of(house: House, victim: str) -> int | None:
    mark = {"gateway": "api_server.py", "worker": "worker.py images", "redis": "redis-server"}[victim]
    return next((pid for pid, line in house.children().items() if mark in line), None)


def _completed(house: House) -> int:
    try:
        return int(house.http.get("/stats").json()["jobs"]["completed"])
    except (httpx.TransportError, KeyError):
        return 0


def _redis_socket(data_dir: Path) -> Path:
    from veilgate.settings.groups import QueueSettings

    return Path(QueueSettings().url_for(data_dir).removeprefix("unix://"))


def _lists_are_empty(redis_url: str) -> bool:
    try:
        check_lists_empty(redis_url)
    except AssertionError:
        return False
    return True
