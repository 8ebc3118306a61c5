"""What receivers refuse: tried again, later and later, until it is taken or given up."""

import pytest

from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.persistence.databases import OWNER, Shelf
from tests.integration.webhooks.post_office import DAY_MS, PostOffice
from veilgate.domain.ids import new_id
from veilgate.domain.webhooks import STRIKES


@pytest.fixture
def office(sqlite_shelf: Shelf) -> PostOffice:
    """What is refused is no matter of the kind of database."""
    return PostOffice(sqlite_shelf)


def complete(office: PostOffice, count: int) -> None:
    for _ in range(count):
        job_id = new_id()
        office.shelf.add(job_id)
        office.happen(job_id, "completed")


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
    complete(office, 10)
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
    complete(office, 1)
    sink.answer = lambda _received: 500
    for _ in range(STRIKES):
        office.send_all()
        office.hasten()
    assert waits_ms(office) < 0
    office.send_all()
    assert waits_ms(office) > 1_800_000
    sink.answer = lambda _received: 200
    complete(office, 1)
    office.wake_endpoints()
    office.send_all()
    assert office.statuses() == ["delivered"] * 2


def test_one_message_that_is_refused_holds_up_no_others(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    complete(office, 10)
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
    complete(office, 1)
    sink.answer = lambda _received: (503, {"Retry-After": asked})
    office.send_all()
    assert least_ms <= pause_ms(office) <= 5 * 3_600_000
    assert least_ms <= waits_ms(office)


def test_what_breaks_the_sender_is_a_failure_like_others(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    with office.shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE webhook_endpoints SET secret = 'whsec_A'")
    complete(office, 1)
    office.send_all()
    (row,) = office.deliveries()
    assert (row["status"], row["attempts"], row["last_error"]) == ("pending", 1, "It could not be sent.")
    assert sink.received == []


def test_410_switches_it_off(office: PostOffice, sink: WebhookSink) -> None:
    endpoint = office.subscribe(sink).endpoint
    complete(office, 10)
    sink.answer = lambda _received: 410
    office.send_all()
    assert office.statuses() == ["dropped"] * 10
    assert len(sink.received) <= 4
    shown = office.webhooks.get(endpoint.id, OWNER)
    assert not shown.is_on
    assert "410" in str(shown.disabled_reason)
    complete(office, 1)
    assert len(office.deliveries()) == 10


def test_given_up_when_its_time_is_over(office: PostOffice, sink: WebhookSink) -> None:
    """The last try is never later than that; what was never tried itself is given up with the others."""
    office.subscribe(sink)
    complete(office, 6)
    sink.answer = lambda _received: 500
    office.send_all(give_up_ms=4_000)
    assert office.statuses() == ["given_up"] * 6
    assert len(sink.received) == STRIKES


def test_sent_once_more_by_hand(office: PostOffice, sink: WebhookSink) -> None:
    endpoint = office.subscribe(sink).endpoint
    complete(office, 1)
    sink.answer = lambda _received: 500
    office.send_all(give_up_ms=1)
    (given_up,) = office.deliveries()
    sink.answer = lambda _received: 200
    office.webhooks.send_again(endpoint.id, given_up["id"], OWNER)
    office.send_all(give_up_ms=DAY_MS)
    assert sink.ids == [given_up["id"]] * 2
    assert office.statuses() == ["delivered"]
