"""What receivers refuse: tried again, later and later, until it is taken or given up."""

import pytest

from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.persistence.databases import OWNER, Shelf
from tests.integration.webhooks.post_office import CALLER, ME, PostOffice
from veilgate.domain.ids import new_id
from veilgate.domain.webhooks import STRIKES
from veilgate.services.webhooks.webhooks import WebhookChange


@pytest.fixture
def office(sqlite_shelf: Shelf) -> PostOffice:
    """What is refused is no matter of the kind of database."""
    return PostOffice(sqlite_shelf)


def waits_ms(office: PostOffice) -> int:
    """How long after its last try a delivery is to wait."""
    (row,) = office.shelf.rows("SELECT max(not_before_ms - created_at_ms) AS waits FROM webhook_deliveries")
    return int(row["waits"])


def pause_ms(office: PostOffice) -> int:
    with office.shelf.database.read() as transaction:
        now = transaction.now_ms()
    (row,) = office.shelf.rows("SELECT paused_until_ms FROM webhook_endpoints")
    return max(0, int(row["paused_until_ms"]) - now)


def test_again_with_the_same_id_and_what_comes_after_it_waits(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink, "stage.ended")
    job_id = new_id()
    office.shelf.add(job_id)
    office.happen(job_id, "decode_picture", "find_faces")
    sink.answer = lambda _received: 500
    office.send_all()
    assert 5_000 <= waits_ms(office) < 9_000
    office.hasten()
    sink.answer = lambda _received: 200
    office.send_all()
    first, again, following = sink.received
    assert first.id == again.id != following.id
    assert first.body == again.body
    assert [one.data["seq"] for one in sink.received] == [2, 2, 3]
    assert [row["attempts"] for row in office.deliveries()] == [2, 1]


def test_one_that_is_down_is_not_hammered(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    office.complete(10)
    sink.answer = lambda _received: 500
    office.send_all()
    assert len(sink.received) == STRIKES
    assert 0 < pause_ms(office) <= 6_000
    office.hasten()
    office.send_all()
    assert len(sink.received) == STRIKES + 1, "one message asks whether it still is"
    assert 25_000 < pause_ms(office) <= 36_000
    office.hasten()
    sink.answer = lambda _received: 200
    office.send_all()
    assert office.statuses() == ["delivered"] * 10
    assert office.webhooks.list(OWNER)[0].failures == 0


def test_when_it_is_back_nothing_waits_for_hours(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    office.complete(1)
    sink.answer = lambda _received: 500
    for _ in range(STRIKES):
        office.send_all()
        office.hasten()
    assert waits_ms(office) < 0
    office.send_all()
    assert waits_ms(office) > 1_800_000
    sink.answer = lambda _received: 200
    office.complete(1)
    office.wake_endpoints()
    office.send_all()
    assert office.statuses() == ["delivered"] * 2


def test_one_message_that_is_refused_holds_up_no_others(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    office.complete(10)
    cursed = office.deliveries()[0]["id"]
    sink.answer = lambda received: 400 if received.id == cursed else 200
    office.send_all()
    assert office.statuses() == [*["delivered"] * 9, "pending"]
    assert pause_ms(office) == 0


@pytest.mark.parametrize(("asked", "least_ms"), [("100", 99_000), ("9" * 5000, 4 * 3_600_000 - 1000)])
def test_it_may_say_when_to_come_again(
    office: PostOffice, sink: WebhookSink, asked: str, least_ms: int
) -> None:
    office.subscribe(sink)
    office.complete(1)
    sink.answer = lambda _received: (503, {"Retry-After": asked})
    office.send_all()
    assert least_ms <= pause_ms(office) <= 5 * 3_600_000
    assert least_ms <= waits_ms(office)


def test_what_breaks_the_sender_is_a_failure_like_others(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    with office.shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE webhook_endpoints SET secret = 'whsec_A'")
    office.complete(1)
    office.send_all()
    (row,) = office.deliveries()
    assert (row["status"], row["attempts"], row["last_error"]) == ("pending", 1, "It could not be sent.")
    assert sink.received == []


def test_410_switches_it_off(office: PostOffice, sink: WebhookSink) -> None:
    endpoint = office.subscribe(sink).endpoint
    office.complete(10)
    sink.answer = lambda _received: 410
    office.send_all()
    assert office.statuses() == ["dropped"] * 10
    assert len(sink.received) <= 4
    shown = office.webhooks.get(endpoint.id, OWNER)
    assert not shown.is_on
    assert "410" in str(shown.disabled_reason)
    office.complete(1)
    assert len(office.deliveries()) == 10


def test_who_takes_a_message_asks_for_no_pause(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    office.complete(10)
    cursed = office.deliveries()[0]["id"]
    sink.answer = lambda received: 400 if received.id == cursed else (200, {"Retry-After": "100"})
    office.send_all()
    assert office.statuses() == [*["delivered"] * 9, "pending"]
    assert pause_ms(office) == 0


def test_a_new_address_begins_without_the_failures_of_the_old(office: PostOffice, sink: WebhookSink) -> None:
    endpoint = office.subscribe(sink).endpoint
    office.complete(STRIKES)
    sink.answer = lambda _received: 500
    office.send_all()
    assert office.webhooks.get(endpoint.id, OWNER).failures == STRIKES
    changed = office.webhooks.change(endpoint.id, CALLER, WebhookChange(url=f"{sink.url}/new"), ME)
    assert (changed.failures, changed.paused_until_ms) == (0, 0)
