"""A database with webhooks, and senders that run within the test."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.persistence.databases import OWNER, Shelf
from tests.waiting import wait_until
from veilgate.domain.access import EVERY_SCOPE, Caller
from veilgate.domain.addresses import Reachable
from veilgate.domain.fetch_targets import read_target
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobStatus
from veilgate.lookups.safe_fetch import SafeFetch
from veilgate.persistence.records import NewEvent
from veilgate.services.images.erase import AskedBy
from veilgate.services.webhooks.deliveries import Deliveries
from veilgate.services.webhooks.delivery_book import DeliveryBook
from veilgate.services.webhooks.webhooks import ShownSecret, WebhookChange, Webhooks

DAY_MS = 86_400_000
CALLER = Caller(OWNER, EVERY_SCOPE, "anonymous")
ME = AskedBy("key:me", "127.0.0.1", "request-1")


def event(outcome: str, payload: str = "{}") -> NewEvent:
    """What becomes of a job; any other word is the name of a stage that was produced."""
    if outcome in set(JobStatus):
        return NewEvent("job", outcome, payload)
    return NewEvent(outcome, "produced", payload)


async def _no_names(_name: str, _port: int) -> Sequence[str]:
    raise OSError("only addresses here")


class PostOffice:
    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.reachable = Reachable()
        self.webhooks = Webhooks(shelf.database, read_target=lambda url: read_target(url, self.reachable))

    def allow(self, *sinks: WebhookSink) -> None:
        self.reachable = Reachable.parse(",".join(f"127.0.0.0/8:{sink.port}" for sink in sinks))

    def subscribe(
        self, sink: WebhookSink, *events: str, owner: str = OWNER, credential: str = "anonymous"
    ) -> ShownSecret:
        """Without events: those that one hears of who names none."""
        if not self.reachable.has_port(sink.port):
            self.allow(sink)
        caller = Caller(owner, EVERY_SCOPE, credential)
        wanted = {"url": sink.url, **({"events": list(events)} if events else {})}
        return self.webhooks.create(caller, WebhookChange.parse(wanted), ME)

    def happen(self, job_id: str, *outcomes: str, payload: str = "{}") -> None:
        """What becomes of a job, one event after the other."""
        with self.shelf.database.write() as transaction:
            for outcome in outcomes:
                transaction.events.append(job_id, event(outcome, payload))

    def complete(self, count: int = 1) -> None:
        """So many new jobs, which are completed at once."""
        for _ in range(count):
            job_id = new_id()
            self.shelf.add(job_id)
            self.happen(job_id, "completed")

    def age(self, by_ms: int) -> None:
        """Whatever waits or has ended did so that much earlier."""
        with self.shelf.database.write() as transaction:
            transaction.connection.exec_driver_sql(
                f"UPDATE webhook_deliveries SET created_at_ms = created_at_ms - {by_ms},"  # noqa: S608
                f" finished_at_ms = finished_at_ms - {by_ms}"
            )

    def deliveries(self) -> list[dict[str, Any]]:
        return self.shelf.rows("SELECT * FROM webhook_deliveries ORDER BY created_at_ms, seq, id")

    def statuses(self) -> list[str]:
        return sorted(row["status"] for row in self.deliveries())

    def hasten(self) -> None:
        """Whatever waits for its next try is due, and nobody rests."""
        with self.shelf.database.write() as transaction:
            transaction.connection.exec_driver_sql("UPDATE webhook_deliveries SET not_before_ms = 1")
        self.wake_endpoints()

    def wake_endpoints(self) -> None:
        """Every rest is over."""
        with self.shelf.database.write() as transaction:
            transaction.connection.exec_driver_sql("UPDATE webhook_endpoints SET paused_until_ms = 0")

    @contextmanager
    def sending(self, *, give_up_ms: int = DAY_MS) -> Iterator[Deliveries]:
        """Somebody who sends, as a deliveries worker does, until the block ends."""
        fetch = SafeFetch(self.reachable, _no_names, most_at_once=1024)
        book = DeliveryBook(self.shelf.database, give_up_ms=give_up_ms)
        deliveries = Deliveries(book, fetch.post, announce=lambda: None)
        thread = threading.Thread(target=lambda: asyncio.run(deliveries.run()), daemon=True)
        thread.start()
        try:
            yield deliveries
        finally:
            deliveries.stop()
            deliveries.wake()
            thread.join(20)
            assert not thread.is_alive()

    def send_all(self, *, give_up_ms: int = DAY_MS) -> None:
        """Send until nothing is due; what failed waits then."""
        with self.sending(give_up_ms=give_up_ms) as deliveries:
            book = DeliveryBook(self.shelf.database, give_up_ms=give_up_ms)
            wait_until(
                lambda: not book.waited_for() and not deliveries.is_busy,
                timeout_s=20,
                what=f"an empty outbox: {self.statuses()}",
            )


@pytest.fixture
def office(shelf: Shelf) -> PostOffice:
    return PostOffice(shelf)
