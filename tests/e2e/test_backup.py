"""Saved while uploads go on, deleted, restored: what was accepted before is there byte for byte, and runs."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway
from veilgate.cli.instance_lock import instance_lock


class Sender:
    """Sends pictures, each another one, and remembers what was accepted."""

    def __init__(self, port: int, picture: bytes) -> None:
        self._address = f"http://127.0.0.1:{port}/upload"
        self._picture = picture
        self.sent: dict[str, bytes] = {}

    def send(self) -> None:
        # Decoders ignore what follows the end of a JPEG.
        content = self._picture + os.urandom(8)
        answer = httpx.post(self._address, files={"file": ("a.jpg", content)}, timeout=30, trust_env=False)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        self.sent[answer.json()["job_id"]] = content

    @contextmanager
    def sending(self) -> Iterator[None]:
        """All the while; at least one picture is accepted before it begins and after it has ended."""
        is_over = threading.Event()

        def go_on() -> None:
            while not is_over.is_set():
                self.send()

        self.send()
        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join(60)
            self.send()


@pytest.fixture
def gateway(tmp_path: Path, redis_server: RunningRedis) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path / "data", redis_server.url, JOB_LEASE_S="1")
    yield gateway
    gateway.close()


@pytest.mark.timeout(240)
def test_what_was_accepted_before_is_there_again(
    gateway: Gateway, redis_server: RunningRedis, tmp_path: Path, astronaut_jpeg: bytes
) -> None:
    saved = tmp_path / "saved"
    before, meanwhile = Sender(gateway.port, astronaut_jpeg), Sender(gateway.port, astronaut_jpeg)
    gateway.start_workers()
    before.send()
    [first] = before.sent
    result = _result(gateway, first)
    gateway.stop_workers()
    before.send()  # it waits
    with meanwhile.sending():
        done = _veilgate(gateway, "backup", str(saved))
    assert done.returncode == 0, done.stderr
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=saved, check=True)
    with instance_lock(gateway.data_dir, holder="a house"):
        refused = _veilgate(gateway, "restore", str(saved))
    assert (refused.returncode, "already runs" in refused.stderr) == (os.EX_CONFIG, True), refused

    gateway.kill()
    with Redis.from_url(redis_server.url) as redis:
        redis.flushall()
    shutil.rmtree(gateway.data_dir)
    restored = _veilgate(gateway, "restore", str(saved))
    assert restored.returncode == 0, restored.stderr

    gateway.start()
    gateway.start_workers()
    assert {gateway.ended(job_id)["status"] for job_id in before.sent} == {"completed"}
    for job_id, content in before.sent.items():
        assert gateway.http.get(f"/images/{job_id}/original").content == content
    assert _result(gateway, first) == result
    known = [job_id for job_id in meanwhile.sent if gateway.http.get(f"/status/{job_id}").is_success]
    assert len(known) < len(meanwhile.sent), "what was accepted after the copy is not in it"
    assert {gateway.ended(job_id)["status"] for job_id in known} <= {"completed"}
    verified = _veilgate(gateway, "jobs", "verify", "--deep")
    assert "all agrees" in verified.stdout, verified.stdout + verified.stderr


def _veilgate(gateway: Gateway, *words: str) -> subprocess.CompletedProcess[str]:
    """As an operator gives it: with the settings of the house."""
    return gateway.processes.ask("-m", "veilgate", *words)


def _result(gateway: Gateway, job_id: str) -> bytes:
    assert gateway.ended(job_id)["status"] == "completed"
    return gateway.http.get(f"/images/{job_id}/processed").content
