"""One Redis client a process, with time-outs that fit its use."""

import ssl

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError
from redis.retry import Retry

from veilgate.domain.errors import QueueUnavailable

# Redis also refuses when it is full, loading, a replica, or cannot write its log: to us that is being away.
REDIS_AWAY = (RedisError, OSError)
_TRIED_KEY = "veilgate:tried"
_TRIED_FOR_S = 60


def open_redis(url: str, *, timeout_s: float) -> Redis:
    """A client that gives up after `timeout_s`; connects on first use."""
    return Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=min(timeout_s, 2.0),
        # Once more on a new connection. Who did not answer in time is not asked again: that takes as long.
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), retries=1, supported_errors=(ConnectionLost,)),
    )


def away(error: BaseException) -> QueueUnavailable:
    """What people are told of one of `REDIS_AWAY`: the setting to look at, where waiting changes nothing."""
    beneath: BaseException | None = error
    # One that does not speak TLS waits for the rest of what it takes for a command.
    while beneath and not (isinstance(beneath, ssl.SSLError) or "handshake" in str(beneath)):
        beneath = beneath.__cause__ or beneath.__context__
    if isinstance(beneath, ssl.SSLCertVerificationError):
        return QueueUnavailable(
            f"The certificate that Redis shows is refused (REDIS_CA_FILE): {beneath.verify_message}."
        )
    if beneath:
        return QueueUnavailable("Redis offers no encrypted connection, or wants to see a certificate.")
    return QueueUnavailable()


def require_writes(redis: Redis) -> None:
    """Raises what `REDIS_AWAY` names unless Redis takes writes. One that is full, a replica, or cannot write
    its log answers PING and every question, and is of no use."""
    redis.set(_TRIED_KEY, 1, ex=_TRIED_FOR_S)
