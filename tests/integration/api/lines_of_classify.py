"""Asking /classify, and a lookups worker that says what a test tells it to, when the test tells it to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from redis import Redis

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway
from tests.waiting import wait_until
from veilgate.persistence.records import NewEvent
from veilgate.queueing.wakeups import WakeupSender

Line = tuple[str, Any]


@contextmanager
def classified(
    gateway: Gateway, picture: bytes, **headers: str
) -> Iterator[tuple[httpx.Response, Iterator[Line]]]:
    """The answer, and its lines as they come."""
    files = {"file": ("a.jpg", picture)}
    with gateway.http.stream("POST", "/classify", files=files, headers=headers) as answer:
        yield answer, lines_of(answer)


def all_lines(gateway: Gateway, picture: bytes) -> list[Line]:
    with classified(gateway, picture) as (answer, lines):
        assert answer.status_code == 200, answer.read()
        return list(lines)


def lines_of(answer: httpx.Response) -> Iterator[Line]:
    for text in answer.iter_lines():
        line = json.loads(text)
        assert set(line) == {"data_type", "data_description", "data"}
        assert line["data_description"].endswith(".")
        yield line["data_type"], line["data"]


class LookupByHand:
    """The lookup of an image, taken on as soon as there is one. By `redis` others hear of its news."""

    def __init__(self, gateway: Gateway, image_id: str, redis: RunningRedis) -> None:
        self._database = gateway.database
        self._redis = redis
        self.job_id: str = wait_until(
            lambda: self._newest_of(image_id), timeout_s=30, what=f"a lookup of {image_id}"
        )
        with self._database.write() as transaction:
            claimed = transaction.claims.claim(self.job_id, worker="hand", lease_ms=120_000, alone=False)
        assert claimed
        self._fence = claimed.fence

    def say(self, stage: str, outcome: str = "produced", **payload: Any) -> None:
        with self._database.write() as transaction:
            event = NewEvent(stage, outcome, json.dumps(payload), 1)
            assert transaction.events.append_fenced(self.job_id, self._fence, event)
        self._wake()

    def complete(self) -> None:
        with self._database.write() as transaction:
            event = NewEvent("job", "completed", json.dumps({"processing_time": 1.0}))
            assert transaction.events.append_fenced(self.job_id, self._fence, event)
            transaction.claims.complete(self.job_id, self._fence, results="{}", result_key=None)
        self._wake()

    def _wake(self) -> None:
        with Redis.from_url(self._redis.url) as client:
            WakeupSender(client)([self.job_id])

    def _newest_of(self, image_id: str) -> str | None:
        with self._database.read() as transaction:
            newest = transaction.lookups.newest_of(image_id)
        return newest.id if newest else None
