"""What the gateway says while something it depends on is away: never 202 for what it cannot keep."""

import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx

from tests.fixtures.private_redis import StartRedis
from tests.integration.api.conftest import StartGateway
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh, picture
from tests.waiting import wait_until


def test_without_redis_uploads_go_on_and_health_says_since_when(
    start_gateway: StartGateway, start_redis: StartRedis
) -> None:
    redis = start_redis()
    gateway = start_gateway(redis.url)
    redis.kill()
    assert gateway.http.get("/ready").status_code == 200
    job_id = gateway.accepted_job(fresh())
    assert gateway.status(job_id)["status"] == "submitted"
    first = health(gateway)
    assert first["status"] == "degraded"
    assert first["parts"]["redis"]["code"] == "queue_unavailable"
    since = first["parts"]["redis"]["since"]
    assert abs(since - time.time()) < 30
    wait_until(lambda: time.time() > since + 1.1, timeout_s=5, what="the next second")
    assert health(gateway)["parts"]["redis"]["since"] == since
    redis.start()
    wait_until(lambda: health(gateway)["parts"]["redis"]["status"] == "ok", timeout_s=10, what="Redis")


def test_what_was_taken_without_redis_runs_when_it_is_back(
    start_gateway: StartGateway, start_redis: StartRedis
) -> None:
    redis = start_redis()
    gateway = start_gateway(redis.url)
    gateway.start_workers()
    redis.kill()
    job_id = gateway.accepted_job(fresh())
    redis.start()
    assert gateway.ended(job_id)["status"] == "completed"


def test_without_an_object_folder_nothing_is_accepted(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    objects, aside = gateway.data_dir / "objects", gateway.data_dir / "aside"
    objects.rename(aside)
    objects.write_bytes(b"no folder")
    assert_unavailable(gateway, "object_store_unavailable")
    assert health(gateway)["parts"]["object_store"]["code"] == "object_store_unavailable"
    assert gateway.rows()[:2] == (0, 0)
    objects.unlink()
    aside.rename(objects)
    assert gateway.http.get("/ready").status_code == 200
    assert gateway.upload(fresh()).status_code == 202


def test_without_a_folder_to_receive_into_nothing_large_is_accepted(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    large = picture("PNG", size_wh=(800, 800))
    assert len(large) > 1 << 20, "small ones never touch that folder"
    incoming = gateway.data_dir / "incoming"
    incoming.rmdir()
    incoming.write_bytes(b"no folder")
    answer = gateway.upload(large)
    assert (answer.status_code, answer.json()["code"]) == (503, "object_store_unavailable")
    assert gateway.http.get("/ready").status_code == 503


def test_emptied_folders_are_made_again(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    shutil.rmtree(gateway.data_dir / "objects")
    (gateway.data_dir / "incoming").rmdir()
    assert gateway.http.get("/ready").status_code == 200
    assert gateway.upload(fresh()).status_code == 202


def test_with_a_broken_database_nothing_is_accepted(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    connection = sqlite3.connect(gateway.data_dir / "veilgate.db")
    connection.execute("ALTER TABLE jobs RENAME TO lost")
    connection.close()
    answer = gateway.upload(fresh())
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.headers["retry-after"]
    assert "jobs" not in answer.text
    assert gateway.held_files() == set()


def test_a_database_file_that_is_gone_is_noticed(start_gateway: StartGateway) -> None:
    """An open connection would go on writing to the deleted file, and 202 would mean nothing."""
    gateway = start_gateway()
    gateway.accepted_job(fresh())
    for name in ("veilgate.db", "veilgate.db-wal", "veilgate.db-shm"):
        (gateway.data_dir / name).unlink(missing_ok=True)
    assert_unavailable(gateway, "database_unavailable")


def test_a_locked_database_is_soon_said_to_be_busy(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    with closing(sqlite3.connect(gateway.data_dir / "veilgate.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(24) as clients:
            uploads = [clients.submit(gateway.upload, fresh()) for _ in range(24)]
            began_s = time.monotonic()
            assert gateway.http.get("/ready").status_code == 200, "readers need not wait for a writer"
            assert time.monotonic() - began_s < 2
            answers = [upload.result(timeout=30) for upload in uploads]
        assert {answer.status_code for answer in answers} == {503}
        connection.execute("ROLLBACK")
    assert gateway.upload(fresh()).status_code == 202
    assert gateway.rows()[:2] == (1, 1)


def health(gateway: Gateway) -> dict[str, Any]:
    answer = gateway.http.get("/health")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def assert_unavailable(gateway: Gateway, code: str) -> None:
    answers: list[httpx.Response] = [
        gateway.http.get("/ready"),
        gateway.upload(fresh()),
        gateway.http.post("/batch-upload", files=[("files", ("a.jpg", fresh()))]),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, code)
        assert int(answer.headers["retry-after"]) == answer.json()["retry_after"] > 0
        assert answer.headers["content-type"] == "application/problem+json"
        assert str(gateway.data_dir) not in answer.text
