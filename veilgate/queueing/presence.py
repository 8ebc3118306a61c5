"""Who is at work: processes say so in Redis every few seconds, and are forgotten when they fall silent."""

import json
import time
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from veilgate.domain.errors import QueueUnavailable
from veilgate.queueing.connection import REDIS_AWAY, away, require_writes

_PREFIX = "veilgate:present:"
_EVERY_S = 3.0
_FORGOTTEN_AFTER_S = 10
_REFUSES = "Redis answers and takes no writes: it is full, a replica, or cannot write its log."


class Presence:
    """One process's sign of life. `facts` are what /health shows of it."""

    def __init__(self, redis: Redis, *, family: str, name: str) -> None:
        self._redis = redis
        self._key = f"{_PREFIX}{family}:{name}"
        self._next_s = 0.0

    def announce(self, facts: dict[str, Any]) -> None:
        """Say it, unless that was done a moment ago."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        try:
            self._redis.set(self._key, json.dumps(facts), ex=_FORGOTTEN_AFTER_S)
        except REDIS_AWAY:
            return
        self._next_s = now_s + _EVERY_S

    def withdraw(self) -> None:
        try:
            self._redis.delete(self._key)
        except REDIS_AWAY:
            return


def who_is_present(redis: Redis) -> dict[str, list[dict[str, Any]]]:
    """By family, the processes that are at work. Raises `QueueUnavailable`, also when Redis only answers."""
    present: dict[str, list[dict[str, Any]]] = {
        "images": [],
        "lookups": [],
        "deliveries": [],
        "reconciler": [],
        "search": [],
    }
    try:
        require_writes(redis)
        keys = sorted(redis.scan_iter(match=f"{_PREFIX}*", count=500))
        values = redis.mget(keys) if keys else []
    except ResponseError as error:
        raise QueueUnavailable(_REFUSES) from error
    except REDIS_AWAY as error:
        raise away(error) from error
    for key, value in zip(keys, values, strict=True):
        if value is not None:
            family, _, name = key.decode().removeprefix(_PREFIX).partition(":")
            present.setdefault(family, []).append({"name": name, **json.loads(value)})
    return present
