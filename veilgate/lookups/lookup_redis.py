"""Redis as lookups use it, on their event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as ConnectionLost

# Hundreds of lookups ask at once, each for less than a millisecond: without a limit each would connect. Who
# waits for a connection waits for others of its kind, and not for Redis: with a limit in time to that, a
# thousand questions at once on a busy machine took it for away.
_CONNECTIONS = 16


@asynccontextmanager
async def open_lookup_redis(url: str, *, timeout_s: float) -> AsyncIterator[Redis]:
    """A client that waits `timeout_s` for an answer; connects on first use."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=None,
        socket_timeout=timeout_s,
        socket_connect_timeout=min(timeout_s, 2.0),
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), retries=1, supported_errors=(ConnectionLost,)),
    )
    async with Redis.from_pool(pool) as redis:
        yield redis
