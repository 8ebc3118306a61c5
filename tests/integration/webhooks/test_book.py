"""The outbox as a sender uses it: who comes late, with news of another address or without the lease."""

import pytest

from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.persistence.databases import OWNER, Shelf
from tests.integration.webhooks.post_office import CALLER, DAY_MS, ME, PostOffice
from veilgate.services.webhooks.delivery_book import DeliveryBook, Line, Sent
from veilgate.services.webhooks.webhooks import WebhookChange

NOTHING: frozenset[str] = frozenset()


def opened(office: PostOffice, endpoint_id: str) -> tuple[DeliveryBook, Line]:
    book = DeliveryBook(office.shelf.database, give_up_ms=DAY_MS)
    line = book.open(endpoint_id, limit=4)
    assert line
    return book, line


@pytest.mark.parametrize("status", [410, 503])
def test_what_the_old_address_says_is_nothing_against_the_new(
    sqlite_shelf: Shelf, sink: WebhookSink, status: int
) -> None:
    office = PostOffice(sqlite_shelf)
    old = office.subscribe(sink).endpoint
    office.complete()
    book, line = opened(office, old.id)
    office.webhooks.change(old.id, CALLER, WebhookChange(url=f"{sink.url}/new"), ME)
    sent = Sent(line.deliveries[0], old.url, took_ms=1, status=status, retry_after_s=100)
    book.write(old.id, [sent], limit=4, under_way=NOTHING)
    shown = office.webhooks.get(old.id, OWNER)
    assert (shown.is_on, shown.failures, shown.paused_until_ms) == (True, 0, 0)
    assert office.statuses() == ["pending"], "it is tried at the new one"


def test_who_lost_the_lease_writes_nothing(office: PostOffice, sink: WebhookSink) -> None:
    endpoint = office.subscribe(sink).endpoint
    office.complete()
    late, line = opened(office, endpoint.id)
    sent = [Sent(line.deliveries[0], endpoint.url, took_ms=1, status=200)]
    with office.shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE leader_leases SET until_ms = 1")
    other, _ = opened(office, endpoint.id)
    assert late.write(endpoint.id, sent, limit=4, under_way=NOTHING) is None
    (row,) = office.deliveries()
    assert (row["status"], row["attempts"]) == ("pending", 0)
    other.write(endpoint.id, sent, limit=4, under_way=NOTHING)
    assert office.statuses() == ["delivered"]
