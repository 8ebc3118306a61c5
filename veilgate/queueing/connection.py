"""One Redis client a process, with time-outs that fit its use."""

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

# Redis also refuses when it is full, loading, a replica, or cannot write its log: to us that is being away.
REDIS_AWAY = (RedisError, OSError)


def open_redis(url: str, *, timeout_s: float) -> Redis:
    """A client that gives up after `timeout_s`; connects on first use."""
    return Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=min(timeout_s, 2.0),
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), retries=1),
    )
