"""One gateway behind one nginx, as the house's configuration has them."""

from collections.abc import Iterator

import pytest

from tests.fixtures.nginx import RunningNginx, running_nginx
from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, _redis_of_session: RunningRedis) -> Iterator[Gateway]:
    gateway = Gateway(
        tmp_path_factory.mktemp("proxied"),
        f"{_redis_of_session.url}?db=8",
        TRUSTED_PROXIES="127.0.0.1",
        ALLOW_ANONYMOUS="1",
    )
    yield gateway
    gateway.close()


@pytest.fixture(scope="session")
def nginx(gateway: Gateway) -> Iterator[RunningNginx]:
    with running_nginx(gateway.port) as server:
        yield server
