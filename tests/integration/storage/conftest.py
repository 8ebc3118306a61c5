"""Stores to try: a folder, and a bucket of a real S3 server."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.object_server import KEYS, FaultProxy, S3Server
from veilgate.storage.local import LocalObjectStore
from veilgate.storage.ports import ObjectStore
from veilgate.storage.s3 import S3ObjectStore
from veilgate.storage.s3_client import S3Access

OpenS3 = Callable[..., S3ObjectStore]


def s3_store(endpoint_url: str, bucket: str, **more: object) -> S3ObjectStore:
    access = {"bucket": bucket, "region": "us-east-1", "endpoint_url": endpoint_url, **KEYS, **more}
    return S3ObjectStore(S3Access(**access))  # type: ignore[arg-type]


@pytest.fixture
def open_s3(s3_server: S3Server) -> OpenS3:
    """A store in a new bucket: `open_s3(encryption="AES256")`."""
    return lambda **more: s3_store(s3_server.endpoint_url, s3_server.new_bucket(), **more)


@pytest.fixture
def proxied_s3(s3_server: S3Server, fault_proxy: FaultProxy) -> S3ObjectStore:
    """A store that reaches its server through `fault_proxy`."""
    return s3_store(fault_proxy.endpoint_url, s3_server.new_bucket(), read_timeout_s=2.0)


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local":
        return LocalObjectStore(tmp_path / "objects")
    open_s3: OpenS3 = request.getfixturevalue("open_s3")
    return open_s3()


@pytest.fixture(params=["local", "s3"])
def store_that_is_away(
    request: pytest.FixtureRequest, tmp_path: Path, free_port: int
) -> Iterator[ObjectStore]:
    if request.param == "local":
        store: ObjectStore = LocalObjectStore(tmp_path / "objects")
        (tmp_path / "objects" / ".incoming").rmdir()
        (tmp_path / "objects").rmdir()
        (tmp_path / "objects").write_bytes(b"no folder")
    else:
        store = s3_store(f"http://127.0.0.1:{free_port}", "bucket")
    yield store
    assert threading.active_count() < 100, "and no threads are left behind"
