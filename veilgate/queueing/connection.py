"""One Redis client a process, with time-outs that fit its use."""

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

# Redis refuses writes when it is full, loading or a replica: to us that is the same as being away.
REDIS_AWAY = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, OutOfMemoryError, OSError)


def open_redis(url: str, *, timeout_s: float) -> Redis:
    """A client that gives up after `timeout_s`; connects on first use."""
    return Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=min(timeout_s, 2.0),
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), retries=1),
    )
