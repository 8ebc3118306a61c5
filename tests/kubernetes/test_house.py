"""The house as the manifests start it, in the order of docs/kubernetes.md: pods are processes here."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from redis import Redis

from tests.fixtures.mariadb import start_own_mariadb
from tests.fixtures.object_server import S3Server
from tests.fixtures.private_redis import RunningRedis
from tests.kubernetes.manifests import documents, one
from tests.kubernetes.pages import commands
from tests.kubernetes.pods import Cluster, Pod
from tests.kubernetes.test_numbers import CLOSING_S, DRAINS_S
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(180)
# All with a GPU or without are one program.
NAMES = ("search", "images-worker", "lookups-worker", "deliveries", "reconciler", "gateway")
START_TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, _redis_of_session: RunningRedis, s3_server: S3Server
) -> Iterator[Cluster]:
    with ExitStack() as stack:
        mariadb = start_own_mariadb(stack)
        with Redis.from_url(_redis_of_session.url) as redis:
            redis.flushall()
        bucket = one(documents(), "ConfigMap", "veilgate-settings")["data"]["S3_BUCKET"]
        s3_server.new_bucket(bucket)
        secrets = {"database-url": mariadb.url(mariadb.empty_database()), "redis-url": _redis_of_session.url}
        yield Cluster(tmp_path_factory.mktemp("cluster"), secrets, s3_server)


def test_from_zero_to_the_first_picture_and_to_the_end(cluster: Cluster, astronaut_jpeg: bytes) -> None:
    pods = {name: cluster.pod(name) for name in NAMES}
    with ExitStack() as stack:
        for pod in pods.values():
            stack.callback(pod.kill)
        assert pods["reconciler"].run() == os.EX_CONFIG
        assert "init_database.py" in pods["reconciler"].log, "there are no tables yet"
        migration = cluster.pod("migrate")
        assert migration.run() == 0, migration.log
        assert pods["gateway"].run() == os.EX_CONFIG
        assert "Nobody may call" in pods["gateway"].log
        [words] = re.findall(r"-- (python -m veilgate keys create [^)]*)", commands("kubernetes.md"))
        key = pods["reconciler"].execute(*words.split())
        for pod in pods.values():
            pod.start()
        for name, pod in pods.items():
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                wait_until(
                    lambda pod=pod, probe=probe: pod.passes(probe),  # type: ignore[misc]
                    timeout_s=START_TIMEOUT_S,
                    what=f"{probe} of {name}",
                )
        assert veiled(pods["gateway"], key, astronaut_jpeg)
        for name, pod in pods.items():
            assert pod.end(DRAINS_S[name] + CLOSING_S) == 0, f"{name}: {pod.log}"


def veiled(gateway: Pod, key: str, picture: bytes) -> bool:
    """Whether a picture that is sent comes back."""
    with httpx.Client(
        base_url=f"http://127.0.0.1:{gateway.env['PORT']}",
        headers={"Authorization": f"Bearer {key}"},
        timeout=30,
        trust_env=False,
    ) as http:
        sent = http.post("/upload", files={"file": ("a.jpg", picture, "image/jpeg")})
        assert sent.status_code == httpx.codes.ACCEPTED, sent.text
        job_id = sent.json()["job_id"]
        ended = http.get(f"/status/{job_id}", params={"wait": 30}).json()
        assert ended["status"] == "completed", ended
        return http.get(f"/images/{job_id}/processed").content.startswith(b"\xff\xd8")
