"""Gateways to talk to: one that nobody works for, one with workers, and ones of a test's own."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway

# Small limits, so that what goes beyond them is quickly sent.
SMALL_LIMITS = {
    "MAX_UPLOAD_BYTES": "1000000",
    "MAX_BATCH_BYTES": "12000000",
    "MAX_BATCH_FILES": "20",
    "MAX_PIXELS": "2000000",
}

StartGateway = Callable[..., Gateway]


@pytest.fixture(scope="session")
def _redis_of_gateways() -> Iterator[RunningRedis]:
    with tempfile.TemporaryDirectory(prefix="vg-") as folder:
        server = RunningRedis(Path(folder), keep=False)
        yield server
        server.kill()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis) -> Iterator[Gateway]:
    """Small limits and no worker: what is accepted stays `submitted`."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), f"{_redis_of_gateways.url}?db=1", **SMALL_LIMITS)
    yield gateway
    gateway.close()


@pytest.fixture(scope="session")
def working_house(
    tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis
) -> Iterator[Gateway]:
    """A gateway with an images worker and a reconciler."""
    house = Gateway(tmp_path_factory.mktemp("house"), f"{_redis_of_gateways.url}?db=2")
    try:
        house.start_workers()
        yield house
    finally:
        house.close()


@pytest.fixture
def start_gateway(tmp_path: Path, redis_server: RunningRedis) -> Iterator[StartGateway]:
    """Starts gateways that a test may stop and damage: `start_gateway(MAX_PIXELS="9")`."""
    with ExitStack() as stack:

        def start(redis_url: str = redis_server.url, **settings: str) -> Gateway:
            gateway = Gateway(tmp_path / "data", redis_url, **settings)
            stack.callback(gateway.close)
            return gateway

        yield start
