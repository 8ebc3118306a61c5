"""Redis pub/sub, only to wake those who wait: what there is to see is read from the database."""

import threading
import time
from collections.abc import Callable, Sequence

from redis import Redis

from veilgate.domain.errors import QueueUnavailable, VeilgateError
from veilgate.queueing.connection import REDIS_AWAY

CHANNEL = "veilgate:wake"
_RECONNECT_PAUSE_S = 1.0
_QUIET_FACTOR = 10


class WakeupSender:
    """Tells all gateways that jobs have something new. A lost message costs a poll, nothing else.

    A Redis that does not answer would cost its caller, who records results, a time-out each time: after a
    failure it is left alone for ten times as long as that took.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._quiet_until_s = 0.0

    def __call__(self, job_ids: Sequence[str]) -> None:
        began_s = time.monotonic()
        if began_s < self._quiet_until_s:
            return
        try:
            self._redis.publish(CHANNEL, " ".join(job_ids))
        except REDIS_AWAY:
            now_s = time.monotonic()
            self._quiet_until_s = now_s + _QUIET_FACTOR * (now_s - began_s)


class WakeupListener:
    """A thread that hands each announced job id to `heard`; reconnects for ever. As it always listens it is
    the first to see that Redis is away, and tells `note`."""

    def __init__(
        self,
        redis: Redis,
        heard: Callable[[Sequence[str]], None],
        *,
        note: Callable[[VeilgateError], None] = lambda _error: None,
    ) -> None:
        self._redis = redis
        self._heard = heard
        self._note = note
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="wakeups", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
                    subscription.subscribe(CHANNEL)
                    self._listen(subscription)
            except REDIS_AWAY:
                self._note(QueueUnavailable())
                self._stop.wait(_RECONNECT_PAUSE_S)

    def _listen(self, subscription: object) -> None:
        while not self._stop.is_set():
            message = subscription.get_message(timeout=0.5)  # type: ignore[attr-defined]
            if message is not None:
                self._heard(message["data"].decode().split())
