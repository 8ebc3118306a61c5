"""What Prometheus is told of messages: each try once, and each that is given up."""

from tests.counted import Counted
from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.persistence.databases import Shelf
from tests.integration.webhooks.post_office import DAY_MS, PostOffice
from veilgate.services.webhooks.delivery_book import DeliveryBook, Sent

MESSAGES = "veilgate_webhook_messages_total"


def outcomes(counted: Counted) -> dict[str, float]:
    names = ("taken", "refused", "unreachable", "given_up")
    return {name: times for name in names if (times := counted(MESSAGES, outcome=name))}


def test_a_try_is_taken_refused_or_nobody_is_there(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    office.subscribe(sink)
    counted = Counted()
    office.complete(2)
    office.send_all()
    assert outcomes(counted) == {"taken": 2}
    sink.answer = lambda _received: 500
    office.complete()
    office.send_all()
    assert outcomes(counted) == {"taken": 2, "refused": 1}
    sink.down()
    office.hasten()
    office.send_all()
    assert outcomes(counted) == {"taken": 2, "refused": 1, "unreachable": 1}
    assert counted("veilgate_webhook_seconds_count") == 4


def test_what_is_given_up_counts_be_it_tried_or_too_old(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    office.subscribe(sink)
    office.complete(6)
    office.age(DAY_MS)
    office.complete()
    counted = Counted()
    office.send_all()
    assert outcomes(counted) == {"taken": 1, "given_up": 6}
    sink.answer = lambda _received: 500
    office.complete()
    office.age(DAY_MS - 20_000)
    office.send_all()
    assert outcomes(counted) == {"taken": 1, "refused": 1, "given_up": 7}


def test_what_has_become_too_old_meanwhile_counts_too(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    endpoint = office.subscribe(sink).endpoint
    office.complete(3)
    book = DeliveryBook(sqlite_shelf.database, give_up_ms=DAY_MS)
    line = book.open(endpoint.id, limit=1)
    assert line
    office.age(DAY_MS)
    counted = Counted()
    sent = Sent(line.deliveries[0], endpoint.url, took_ms=1, status=200)
    assert book.write(endpoint.id, [sent], limit=1, under_way=frozenset()) is None
    assert outcomes(counted) == {"given_up": 2}
