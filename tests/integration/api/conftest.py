"""Gateways to talk to: one that nobody works for, one with workers, and ones of a test's own.

The first two come in two houses: SQLite with a folder, as `make run` has it, and MariaDB with S3.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.fixtures.mariadb import RunningMariaDb
from tests.fixtures.object_server import S3Server
from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway
from tests.integration.api.refusals import unharmed_by

# Small limits, so that what goes beyond them is quickly sent.
SMALL_LIMITS = {
    "MAX_UPLOAD_BYTES": "1000000",
    "MAX_BATCH_BYTES": "12000000",
    "MAX_BATCH_FILES": "20",
    "MAX_PIXELS": "2000000",
}

StartGateway = Callable[..., Gateway]
Furnish = Callable[[], dict[str, Any]]


HOUSES = ["sqlite+folder", "mariadb+s3"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is refused before anything is kept is the same in every house: marked `one_house`, it is asked of
    the first alone."""
    spare = [item for item in items if item.get_closest_marker("one_house") and _house_of(item) in HOUSES[1:]]
    config.hook.pytest_deselected(items=spare)
    left_out = set(spare)
    items[:] = [item for item in items if item not in left_out]


def _house_of(item: pytest.Item) -> object:
    assert isinstance(item, pytest.Function)
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("furnish") if callspec else None


@pytest.fixture(scope="session", params=HOUSES)
def furnish(request: pytest.FixtureRequest) -> Furnish:
    """Gives each gateway a database and an object store of its own: the arguments of `Gateway`."""
    if request.param == "sqlite+folder":
        return dict
    mariadb: RunningMariaDb = request.getfixturevalue("mariadb")
    s3: S3Server = request.getfixturevalue("s3_server")

    def make() -> dict[str, Any]:
        bucket = s3.new_bucket()
        url = mariadb.url(mariadb.empty_database())
        return {"DATABASE_URL": url, **s3.settings(bucket), "bucket_keys": lambda: keys_of(s3, bucket)}

    return make


def keys_of(s3: S3Server, bucket: str) -> list[str]:
    pages = s3.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


@pytest.fixture(scope="session")
def _redis_of_gateways() -> Iterator[RunningRedis]:
    with tempfile.TemporaryDirectory(prefix="vg-") as folder:
        server = RunningRedis(Path(folder), keep=False)
        yield server
        server.kill()


@pytest.fixture(scope="session")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis, furnish: Furnish
) -> Iterator[Gateway]:
    """Small limits and no worker: what is accepted stays `submitted`."""
    _empty(_redis_of_gateways, number=1)
    folder = tmp_path_factory.mktemp("gateway")
    gateway = Gateway(folder, f"{_redis_of_gateways.url}?db=1", **{**SMALL_LIMITS, **furnish()})
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def unharmed(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[None]:
    """After all tests of the module."""
    with unharmed_by(request.module.__name__, gateway):
        yield


@pytest.fixture
def unchanged(gateway: Gateway) -> Iterator[None]:
    """Whatever the test sends: nothing is stored."""
    before = gateway.stored()
    yield
    assert gateway.stored() == before


@pytest.fixture(scope="session")
def working_house(
    tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis, furnish: Furnish
) -> Iterator[Gateway]:
    """A gateway with an images worker, a reconciler and a search server."""
    _empty(_redis_of_gateways, number=2)
    folder = tmp_path_factory.mktemp("house")
    house = Gateway(folder, f"{_redis_of_gateways.url}?db=2", **furnish())
    try:
        house.start_workers(search=True)
        yield house
    finally:
        house.close()


def _empty(server: RunningRedis, *, number: int) -> None:
    """The lists of the house before belong to jobs that this one does not know."""
    with Redis.from_url(f"{server.url}?db={number}") as client:
        client.flushdb()


@pytest.fixture
def start_gateway(tmp_path: Path, redis_server: RunningRedis) -> Iterator[StartGateway]:
    """Starts gateways that a test may stop and damage: `start_gateway(MAX_PIXELS="9")`.

    They have SQLite and a folder, unless the settings say otherwise.
    """
    with ExitStack() as stack:

        def start(redis_url: str = redis_server.url, **settings: Any) -> Gateway:
            gateway = Gateway(tmp_path / "data", redis_url, **settings)
            stack.callback(gateway.close)
            return gateway

        yield start
