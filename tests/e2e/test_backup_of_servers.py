"""The commands of docs/backup.md for MariaDB and a bucket: dumped while uploads go on, wiped, restored."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.e2e.test_backup import Sender
from tests.fixtures.debian import found, why_missing
from tests.fixtures.mariadb import PASSWORD, USER, RunningMariaDb
from tests.fixtures.object_server import S3Server
from tests.fixtures.paths import REPOSITORY_ROOT
from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway

PAGE = REPOSITORY_ROOT / "docs" / "backup.md"


@dataclass
class Servers:
    """Rows and objects of one house, and an administrator's programs."""

    mariadb: RunningMariaDb
    s3: S3Server
    folder: Path
    database: str
    bucket: str

    @property
    def settings(self) -> dict[str, Any]:
        return {"DATABASE_URL": self.mariadb.url(self.database), **self.s3.settings(self.bucket)}

    def run_documented(self, program: str) -> None:
        """The line of the page that begins with this program, with this house's database and user."""
        line = re.search(rf"^({program} .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        assert line
        words = shlex.split(line[1].replace(" veilgate ", f" {self.database} "))
        words[1:1] = [f"--user={USER}", "--host=127.0.0.1", f"--port={self.mariadb.port}"]
        words[0] = found(words[0])
        done = subprocess.run(
            ["sh", "-c", " ".join(word if word in "<>" else shlex.quote(word) for word in words)],
            cwd=self.folder,
            env={"MYSQL_PWD": PASSWORD, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def copy_objects(self, source: str, target: str) -> None:
        """As `aws s3 sync` does."""
        there = set(self._keys(target))
        for key in self._keys(source):
            if key not in there:
                self.s3.client.copy_object(Bucket=target, Key=key, CopySource={"Bucket": source, "Key": key})

    def wipe(self) -> None:
        self.mariadb.execute(f"DROP DATABASE {self.database}", f"CREATE DATABASE {self.database}")
        for key in self._keys(self.bucket):
            self.s3.client.delete_object(Bucket=self.bucket, Key=key)

    def _keys(self, bucket: str) -> list[str]:
        pages = self.s3.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


@pytest.fixture
def servers(mariadb: RunningMariaDb, s3_server: S3Server, tmp_path: Path) -> Servers:
    why = why_missing(("mysqldump", "mysql"), ("mariadb-client",))
    if why:
        pytest.skip(why)
    return Servers(mariadb, s3_server, tmp_path, mariadb.empty_database(), s3_server.new_bucket())


@pytest.fixture
def gateway(servers: Servers, redis_server: RunningRedis, tmp_path: Path) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path / "data", redis_server.url, JOB_LEASE_S="1", **servers.settings)
    yield gateway
    gateway.close()


@pytest.mark.timeout(240)
def test_dump_and_bucket_make_a_house_again(
    servers: Servers, gateway: Gateway, redis_server: RunningRedis, astronaut_jpeg: bytes
) -> None:
    before, meanwhile = Sender(gateway.port, astronaut_jpeg), Sender(gateway.port, astronaut_jpeg)
    gateway.start_workers()
    before.send()
    [first] = before.sent
    result = gateway.ended(first)["results"]["processed_image_path"]
    gateway.stop_workers()
    before.send()  # it waits
    spare = servers.s3.new_bucket()
    with meanwhile.sending():
        servers.run_documented("mysqldump")
        servers.copy_objects(servers.bucket, spare)
    gateway.kill()
    with Redis.from_url(redis_server.url) as redis:
        redis.flushall()
    servers.wipe()

    servers.run_documented("mysql")
    servers.copy_objects(spare, servers.bucket)
    gateway.start()
    gateway.start_workers()
    assert {gateway.ended(job_id)["status"] for job_id in before.sent} == {"completed"}
    for job_id, content in before.sent.items():
        assert gateway.http.get(f"/images/{job_id}/original").content == content
    assert gateway.ended(first)["results"]["processed_image_path"] == result
    known = [job_id for job_id in meanwhile.sent if gateway.http.get(f"/status/{job_id}").is_success]
    assert len(known) < len(meanwhile.sent)
    assert {gateway.ended(job_id)["status"] for job_id in known} <= {"completed"}
    verified = gateway.processes.ask("-m", "veilgate", "jobs", "verify", "--deep")
    assert "all agrees" in verified.stdout, verified.stdout + verified.stderr
