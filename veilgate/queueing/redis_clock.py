"""The wall clock that all processes share: Redis' own. A host's may be an hour off."""

import time

from redis import Redis

# Monotonic clocks drift apart by less than a millisecond in that time.
_LOOK_EVERY_S = 10.0


class RedisClock:
    """May raise what `REDIS_AWAY` names."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._look_at_s = 0.0
        self._ahead_s = 0.0

    def now_s(self) -> float:
        """Seconds since 1970. Asks Redis now and then, and goes on from there by the monotonic clock."""
        here_s = time.monotonic()
        if here_s >= self._look_at_s:
            seconds, microseconds = self._redis.time()
            self._ahead_s = seconds + microseconds / 1e6 - here_s
            self._look_at_s = here_s + _LOOK_EVERY_S
        return here_s + self._ahead_s
