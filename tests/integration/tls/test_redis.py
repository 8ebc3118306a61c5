"""TLS to Redis, for each of the three clients that the house opens."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from limits import RateLimitItemPerMinute

from config import Config
from tests.fixtures.certificates import Issuer
from tests.fixtures.tls_redis import StartTlsRedis, TlsRedis
from veilgate.api.local_counts import Verdict
from veilgate.api.redis_counts import RedisCounts
from veilgate.domain.errors import QueueUnavailable
from veilgate.lookups.lookup_redis import open_lookup_redis
from veilgate.queueing.connection import open_redis
from veilgate.queueing.presence import who_is_present

UrlWith = Callable[..., str]


@pytest.fixture
def url_with(monkeypatch: pytest.MonkeyPatch) -> UrlWith:
    """The address that the settings make of these two."""

    def url(redis_url: str, ca_file: Path | None = None) -> str:
        monkeypatch.setenv("REDIS_URL", redis_url)
        monkeypatch.setenv("REDIS_CA_FILE", str(ca_file or ""))
        return Config().redis_url

    return url


def ask(url: str, *, timeout_s: float = 5.0) -> None:
    with closing(open_redis(url, timeout_s=timeout_s)) as redis:
        who_is_present(redis)


def fault_of(url: str, *, timeout_s: float = 5.0) -> str:
    with pytest.raises(QueueUnavailable) as raised:
        ask(url, timeout_s=timeout_s)
    return raised.value.message


def test_every_client_comes_encrypted(tls_redis: TlsRedis, house_issuer: Issuer, url_with: UrlWith) -> None:
    url = url_with(tls_redis.url, house_issuer.ca_file)
    ask(url)

    async def from_lookups() -> object:
        async with open_lookup_redis(url, timeout_s=5.0) as redis:
            return await redis.set("lookups", "1")

    async def from_limits() -> Verdict | None:
        counts = RedisCounts(url)
        try:
            return await counts.take(RateLimitItemPerMinute(10), "somebody", 1)
        finally:
            await counts.close()

    assert asyncio.run(from_lookups())
    assert asyncio.run(from_limits()), "None would mean that Redis is away"


def test_who_does_not_vouch_for_it(
    tls_redis: TlsRedis, foreign_ca_file: Path, house_issuer: Issuer, url_with: UrlWith
) -> None:
    refused = "The certificate that Redis shows is refused (REDIS_CA_FILE): "
    assert fault_of(url_with(tls_redis.url, foreign_ca_file)).startswith(refused)
    assert fault_of(url_with(tls_redis.url)).startswith(refused), "this machine does not vouch for it either"
    other_name = tls_redis.url.replace("localhost", "127.0.0.1")
    assert "127.0.0.1" in fault_of(url_with(other_name, house_issuer.ca_file))


def test_a_redis_without_encryption(tls_redis: TlsRedis, house_issuer: Issuer, url_with: UrlWith) -> None:
    plain = f"rediss://localhost:{tls_redis.plain_port}/0"
    said = fault_of(url_with(plain, house_issuer.ca_file), timeout_s=0.2)
    assert said == "Redis offers no encrypted connection, or wants to see a certificate."


def test_a_redis_that_wants_to_see_ours(
    start_tls_redis: StartTlsRedis, house_issuer: Issuer, url_with: UrlWith
) -> None:
    redis = start_tls_redis(house_issuer, asks_clients=True)
    own = house_issuer.file_of(["gateway"])
    fault_of(url_with(redis.url, house_issuer.ca_file))
    ask(url_with(f"{redis.url}?ssl_certfile={own}&ssl_keyfile={own}", house_issuer.ca_file))
