"""What /health says while something is away or hangs: which part, what is wrong with it, and since when."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.mariadb import RunningMariaDb, StartMariaDb
from tests.fixtures.object_server import FaultProxy, S3Server, s3_settings
from tests.fixtures.private_redis import RunningRedis, StartRedis
from tests.fixtures.tcp_proxy import TcpProxy
from tests.integration.api.conftest import StartGateway
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh
from tests.waiting import wait_until

# Five seconds for the parts, and what a busy machine adds.
LONGEST_ANSWER_S = 8.0

Wire = tuple[Gateway, Callable[[], None], Callable[[], None]]


@contextmanager
def wire_to(target: int | Path) -> Iterator[TcpProxy]:
    proxy = TcpProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.fixture
def to_database(mariadb: RunningMariaDb, start_gateway: StartGateway) -> Iterator[Wire]:
    with wire_to(mariadb.port) as proxy:
        url = mariadb.url(mariadb.empty_database()).replace(f":{mariadb.port}/", f":{proxy.port}/")
        yield start_gateway(DATABASE_URL=url), proxy.silence, proxy.mend


@pytest.fixture
def to_redis(redis_server: RunningRedis, start_gateway: StartGateway) -> Iterator[Wire]:
    with wire_to(Path(redis_server.url.removeprefix("unix://"))) as proxy:
        yield start_gateway(f"redis://127.0.0.1:{proxy.port}"), proxy.silence, proxy.mend


@pytest.fixture
def to_object_store(s3_server: S3Server, fault_proxy: FaultProxy, start_gateway: StartGateway) -> Wire:
    gateway = start_gateway(**s3_settings(fault_proxy.endpoint_url, s3_server.new_bucket()))

    def silence() -> None:
        fault_proxy.hanging = lambda _method, _path: True

    return gateway, silence, fault_proxy.mend


@pytest.mark.parametrize("name", ["database", "redis", "object_store"])
def test_a_part_that_hangs_is_named_and_hangs_nobody(name: str, request: pytest.FixtureRequest) -> None:
    gateway, silence, mend = request.getfixturevalue(f"to_{name}")
    assert {state["status"] for state in needed(gateway).values()} == {"ok"}
    silence()
    began_s = time.time()
    parts = needed(gateway)
    assert time.time() - began_s < LONGEST_ANSWER_S
    assert {other for other, state in parts.items() if state["status"] == "wrong"} == {name}
    assert parts[name]["code"] in {"timeout", "queue_unavailable"}
    assert began_s - 1 <= parts[name]["since"] <= time.time()
    asked_s = time.monotonic()
    ready = gateway.http.get("/ready")
    assert time.monotonic() - asked_s < LONGEST_ANSWER_S
    expected = (200, None) if name == "redis" else (503, f"{name}_unavailable")
    assert (ready.status_code, ready.json().get("code")) == expected
    mend()
    wait_until(lambda: part(gateway, name)["status"] == "ok", timeout_s=30, what="that it is right again")
    assert gateway.http.get("/ready").status_code == 200


def test_since_is_when_uploads_began_to_fail(
    start_gateway: StartGateway, start_mariadb: StartMariaDb
) -> None:
    """Nobody asks how it is until later."""
    server = start_mariadb()
    gateway = start_gateway(DATABASE_URL=server.url(server.empty_database()))
    server.kill()
    answer = gateway.upload(fresh())
    failed_s = int(time.time())
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    wait_until(lambda: time.time() > failed_s + 2, timeout_s=5, what="later")
    assert failed_s - 1 <= part(gateway, "database")["since"] <= failed_s
    server.start()
    wait_until(lambda: part(gateway, "database")["status"] == "ok", timeout_s=20, what="the database")


def test_since_is_when_redis_was_lost_though_nobody_asked(
    start_gateway: StartGateway, start_redis: StartRedis
) -> None:
    redis = start_redis()
    gateway = start_gateway(redis.url)
    assert part(gateway, "redis")["status"] == "ok"
    redis.kill()
    killed_s = time.time()
    assert gateway.upload(fresh()).status_code == 202
    wait_until(lambda: time.time() > killed_s + 4, timeout_s=10, what="later")
    wrong = part(gateway, "redis")
    assert wrong["code"] == "queue_unavailable"
    assert int(killed_s) <= wrong["since"] <= killed_s + 3


def needed(gateway: Gateway) -> dict[str, Any]:
    """The parts that a gateway without workers and search server has."""
    parts: dict[str, Any] = gateway.http.get("/health").json()["parts"]
    return {name: state for name, state in parts.items() if name != "search" and not name.endswith("_worker")}


def part(gateway: Gateway, name: str) -> dict[str, Any]:
    found: dict[str, Any] = needed(gateway)[name]
    return found
