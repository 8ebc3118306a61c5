"""A house on S3: where results are, how pictures are handed out, and what a start without a bucket says."""

import io
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.fixtures.object_server import FaultProxy, S3Server, s3_settings
from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.conftest import StartGateway
from tests.integration.api.gateway import Gateway, Processes
from tests.integration.api.samples import fresh
from tests.waiting import wait_until


class S3House:
    """A gateway that sends callers to S3, a worker and a reconciler; one picture is done."""

    def __init__(self, gateway: Gateway, bucket: str, job_id: str) -> None:
        self.gateway, self.bucket, self.job_id = gateway, bucket, job_id
        self.results: dict[str, Any] = gateway.ended(job_id)["results"]

    def copy(self, name: str, method: str = "GET", **headers: str) -> httpx.Response:
        return self.gateway.http.request(method, f"/images/{self.job_id}/{name}", headers=headers)


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory,
    s3_server: S3Server,
    _redis_of_gateways: RunningRedis,
    astronaut_jpeg: bytes,
) -> Iterator[S3House]:
    bucket = s3_server.new_bucket()
    more = {"S3_REDIRECT_DOWNLOADS": "true", "S3_SERVER_SIDE_ENCRYPTION": "AES256", "S3_SIGNED_URL_S": "60"}
    settings = {**s3_settings(s3_server.endpoint_url, bucket), **more}
    gateway = Gateway(
        tmp_path_factory.mktemp("s3-house"),
        f"{_redis_of_gateways.url}?db=6",
        bucket_keys=tuple,
        **settings,
    )
    try:
        gateway.start_workers()
        yield S3House(gateway, bucket, gateway.accepted_job(astronaut_jpeg))
    finally:
        gateway.close()


def test_the_page_may_show_pictures_from_where_it_is_sent_for_them(house: S3House) -> None:
    sent_to = httpx.URL(house.copy("thumbnail").headers["location"])
    policy = house.gateway.http.get("/").headers["content-security-policy"]
    assert f"img-src 'self' blob: {sent_to.scheme}://{sent_to.netloc.decode()};" in policy


def test_results_name_the_bucket(house: S3House, s3_server: S3Server) -> None:
    results = house.results
    paths = [
        results["original_image_path"],
        results["processed_image_path"],
        *results["thumbnail_paths"].values(),
    ]
    stored = s3_server.client.list_objects_v2(Bucket=house.bucket)["Contents"]
    assert sorted(paths) == sorted(f"s3://{house.bucket}/{entry['Key']}" for entry in stored)
    for entry in stored:
        found = s3_server.client.head_object(Bucket=house.bucket, Key=entry["Key"])
        assert (found["ServerSideEncryption"], found["ContentType"]) == ("AES256", "image/jpeg")
    assert not (house.gateway.data_dir / "objects").exists()


@pytest.mark.parametrize(
    ("name", "disposition"), [("processed", "inline"), ("thumbnail", "inline"), ("original", "attachment")]
)
def test_callers_are_sent_to_s3(house: S3House, name: str, disposition: str) -> None:
    answer = house.copy(name)
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["cache-control"] == "private, no-store"
    assert "X-Amz-Expires=60" in answer.headers["location"]
    picture = httpx.get(answer.headers["location"], trust_env=False)
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.headers["content-disposition"].startswith(f'{disposition}; filename="{house.job_id}')
    Image.open(io.BytesIO(picture.content)).load()


@pytest.mark.parametrize("name", ["processed", "thumbnail", "original"])
def test_head_is_answered_by_the_gateway(house: S3House, name: str) -> None:
    """An address is signed for GET."""
    answer = house.copy(name, "HEAD")
    picture = httpx.get(house.copy(name).headers["location"], trust_env=False)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == len(picture.content)
    assert answer.headers["content-type"] == "image/jpeg"
    assert house.copy(name, "HEAD", **{"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert house.copy(name, **{"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_head_of_what_is_not_there(house: S3House) -> None:
    assert house.gateway.http.head("/images/nobody/processed").status_code == 404


def test_head_says_what_get_says(gateway: Gateway) -> None:
    sent = fresh()
    job_id = gateway.accepted_job(sent)
    answer = gateway.http.head(f"/images/{job_id}/original")
    got = gateway.http.get(f"/images/{job_id}/original")
    assert (answer.status_code, answer.content, got.content) == (200, b"", sent)
    for name in ("content-length", "content-type", "etag", "content-disposition", "content-security-policy"):
        assert answer.headers[name] == got.headers[name]


def test_a_download_that_breaks_is_seen_to_break(
    start_gateway: StartGateway, s3_server: S3Server, fault_proxy: FaultProxy
) -> None:
    gateway = start_gateway(**s3_settings(fault_proxy.endpoint_url, s3_server.new_bucket()))
    sent = fresh()
    job_id = gateway.accepted_job(sent)
    fault_proxy.cut_after_bytes = len(sent) // 2
    with pytest.raises(httpx.RemoteProtocolError):
        gateway.http.get(f"/images/{job_id}/original")
    fault_proxy.cut_after_bytes = None
    assert gateway.http.get(f"/images/{job_id}/original").content == sent


@pytest.mark.parametrize(
    "arguments", [("api_server.py",), ("worker.py", "images"), ("worker.py", "reconciler")]
)
@pytest.mark.parametrize("is_forbidden", [False, True])
def test_a_bucket_that_cannot_be_used_ends_every_start_with_a_line(
    tmp_path: Path,
    redis_server: RunningRedis,
    fault_proxy: FaultProxy,
    *,
    arguments: tuple[str, ...],
    is_forbidden: bool,
) -> None:
    if is_forbidden:
        fault_proxy.fail_next(99, 403, "AccessDenied")
    settings = {
        **s3_settings(fault_proxy.endpoint_url, "nobody-made-this"),
        "FACE_DETECTION_MODEL_PATH": "fake",
    }
    processes = Processes(tmp_path, redis_server.url, **settings)
    processes.run("init_database.py")
    process = processes.start(*arguments)
    assert process.wait(60) == os.EX_CONFIG
    log = (tmp_path / "processes.log").read_text()
    assert "S3_BUCKET: " in log
    assert "nobody-made-this" in log
    assert "Traceback" not in log
    assert "test-secret" not in log


def test_a_gateway_waits_for_its_bucket_and_a_worker_does_not(
    start_gateway: StartGateway, start_s3_server: Callable[[], S3Server]
) -> None:
    server = start_s3_server()
    bucket = server.new_bucket()
    gateway = start_gateway(**server.settings(bucket))
    server.kill()
    gateway.kill()
    gateway.process = gateway.processes.start("api_server.py")
    wait_until(lambda: _answers(gateway) == 503, timeout_s=60, what="a gateway without its bucket")
    answer = gateway.upload(fresh())
    assert (answer.status_code, answer.json()["code"]) == (503, "object_store_unavailable")
    assert gateway.rows()[:2] == (0, 0)
    worker: subprocess.Popen[bytes] = gateway.processes.start("worker.py", "reconciler")
    assert worker.wait(60) == 1
    assert "object_store_unavailable" in gateway.log
    server.start()
    server.new_bucket(bucket)
    assert gateway.http.get("/ready").status_code == 200
    assert gateway.upload(fresh()).status_code == 202


def _answers(gateway: Gateway) -> int:
    try:
        return gateway.http.get("/ready").status_code
    except httpx.TransportError:
        return 0
