"""Giving up: by the age of a message alone, and not before one more try."""

from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.persistence.databases import OWNER, Shelf
from tests.integration.webhooks.post_office import DAY_MS, PostOffice

HOUR_MS = 3_600_000
LONGEST_PAUSE_S = "14400"


def test_one_that_was_refused_for_a_day(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    office.subscribe(sink)
    office.complete()
    office.age(DAY_MS - 20_000)
    sink.answer = lambda _received: 500
    office.send_all()
    (row,) = office.deliveries()
    assert (row["status"], row["attempts"], row["last_status"]) == ("given_up", 1, 500)
    assert len(sink.received) == 1


def test_one_more_try_comes_before(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    """Whatever the endpoint asks for."""
    office = PostOffice(sqlite_shelf)
    office.subscribe(sink)
    office.complete()
    office.age(DAY_MS - HOUR_MS)
    sink.answer = lambda _received: (503, {"Retry-After": LONGEST_PAUSE_S})
    office.send_all()
    (row,) = office.deliveries()
    (endpoint,) = office.shelf.rows("SELECT paused_until_ms FROM webhook_endpoints")
    assert row["status"] == "pending"
    for next_ms in (row["not_before_ms"], endpoint["paused_until_ms"]):
        assert DAY_MS - HOUR_MS / 2 < next_ms - row["created_at_ms"] < DAY_MS


def test_a_long_pause_gives_up_nothing(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    office.subscribe(sink)
    office.complete(6)
    sink.answer = lambda _received: (503, {"Retry-After": LONGEST_PAUSE_S})
    office.send_all(give_up_ms=4 * HOUR_MS)
    assert office.statuses() == ["pending"] * 6
    office.hasten()
    sink.answer = lambda _received: 200
    office.send_all(give_up_ms=4 * HOUR_MS)
    assert office.statuses() == ["delivered"] * 6


def test_what_is_too_old_is_not_sent_first(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    office.complete(6)
    office.age(DAY_MS)
    office.complete()
    office.send_all()
    *old, new = office.deliveries()
    assert [row["status"] for row in old] == ["given_up"] * 6
    assert {row["attempts"] for row in old} == {0}
    assert sink.ids == [new["id"]]


def test_by_hand_once_whatever_its_age(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    endpoint = office.subscribe(sink).endpoint
    office.complete()
    office.age(2 * DAY_MS)
    (old,) = office.deliveries()
    sink.answer = lambda _received: 500
    office.webhooks.send_again(endpoint.id, old["id"], OWNER)
    office.send_all()
    assert office.statuses() == ["given_up"]
    sink.answer = lambda _received: 200
    office.webhooks.send_again(endpoint.id, old["id"], OWNER)
    office.send_all()
    assert office.statuses() == ["delivered"]
    assert sink.ids == [old["id"]] * 2
