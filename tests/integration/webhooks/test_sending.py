"""Sending: signed, in order, side by side, each once, and again until it is taken or given up."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fixtures.webhook_sink import OpenSink, Received, WebhookSink
from tests.integration.persistence.databases import OWNER, Shelf
from tests.integration.webhooks.post_office import CALLER, ME, PostOffice
from tests.waiting import wait_until
from veilgate.domain.ids import new_id
from veilgate.domain.webhooks import STRIKES
from veilgate.services.webhooks import deliveries

EVERY_STAGE = ("stage.ended", "job.completed")


def jobs_in(office: PostOffice, count: int) -> list[str]:
    job_ids = [new_id() for _ in range(count)]
    office.shelf.add(*job_ids)
    return job_ids


def test_a_message_is_signed_and_says_what_happened(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    made = office.subscribe(sink)
    (job_id,) = jobs_in(office, 1)
    office.shelf.change(job_id, correlation_id="c-1")
    office.happen(job_id, "failed", payload='{"error": {"code": "undecodable", "message": "No."}}')
    office.send_all()
    (received,) = sink.received
    assert received.is_signed_with(made.secret)
    assert received.id == office.deliveries()[0]["id"]
    assert received.headers["content-type"] == "application/json"
    assert received.headers["x-correlation-id"] == "c-1"
    assert received.event == "job.failed"
    assert received.data == {
        "job_id": job_id,
        "image_id": job_id,
        "kind": "veil",
        "seq": 2,
        "attempt": 0,
        "status": "failed",
        "links": {"status": f"/status/{job_id}", "image": f"/images/{job_id}"},
        "error": {"code": "undecodable", "message": "No."},
    }
    assert (office.statuses(), office.deliveries()[0]["last_status"]) == (["delivered"], 200)


def test_for_a_while_two_secrets_sign(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    old = office.subscribe(sink)
    new = office.webhooks.rotate(old.endpoint.id, CALLER, ME)
    office.webhooks.test(old.endpoint.id, OWNER)
    office.send_all()
    with office.shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE webhook_endpoints SET previous_until_ms = 1")
    office.webhooks.test(old.endpoint.id, OWNER)
    office.send_all()
    signed = [[one.is_signed_with(made.secret) for made in (old, new)] for one in sink.received]
    assert signed == [[True, True], [False, True]]


def test_of_one_job_in_order_and_of_many_side_by_side(office: PostOffice, sink: WebhookSink) -> None:
    """The first message of a job is answered last."""
    office.subscribe(sink, *EVERY_STAGE)
    job_ids = jobs_in(office, 6)
    for job_id in job_ids:
        office.happen(job_id, "decode_picture", "find_faces", "store_copies", "completed")
    others_came = threading.Event()

    def answer(received: Received) -> int:
        if received.data["job_id"] == job_ids[0] and received.data["seq"] == 2:
            assert others_came.wait(10)
        if len(sink.received) >= 18:
            others_came.set()
        return 200

    sink.answer = answer
    office.send_all()
    seqs = [[one.data["seq"] for one in sink.received if one.data["job_id"] == job_id] for job_id in job_ids]
    assert seqs == [[2, 3, 4, 5]] * 6
    assert 1 < sink.most_at_once <= 4


def test_two_senders_send_each_once(office: PostOffice, open_sink: OpenSink) -> None:
    sinks = [open_sink() for _ in range(3)]
    office.allow(*sinks)
    for sink in sinks:
        office.subscribe(sink, *EVERY_STAGE)
    job_ids = jobs_in(office, 8)

    def happen(job_id: str) -> None:
        office.happen(job_id, "decode_picture")
        office.happen(job_id, "find_faces", "completed")

    with office.sending(), office.sending(), ThreadPoolExecutor(2) as threads:
        list(threads.map(happen, job_ids))
        wait_until(
            lambda: office.statuses() == ["delivered"] * 72, timeout_s=20, what=f"all: {office.statuses()}"
        )
    for sink in sinks:
        assert sorted(sink.ids) == sorted(set(sink.ids))
        assert len(sink.received) == 24


def test_a_slow_one_keeps_nobody_waiting(sqlite_shelf: Shelf, open_sink: OpenSink) -> None:
    office, slow, quick, is_over = PostOffice(sqlite_shelf), open_sink(), open_sink(), threading.Event()
    office.allow(slow, quick)

    def hang(_received: Received) -> int:
        is_over.wait(8)
        return 200

    slow.answer = hang
    office.subscribe(slow)
    office.subscribe(quick)
    for job_id in jobs_in(office, 20):
        office.happen(job_id, "completed")
    with office.sending():
        wait_until(lambda: len(quick.received) == 20, timeout_s=7, what="the quick one's")
        assert slow.received == []
        is_over.set()
    assert slow.most_at_once <= 4


def test_a_long_answer_and_a_redirect(sqlite_shelf: Shelf, open_sink: OpenSink) -> None:
    office, long, leads_on, target = PostOffice(sqlite_shelf), open_sink(), open_sink(), open_sink()
    office.allow(long, leads_on, target)
    long.answer = lambda _received: (200, {"Content-Length": "1000000000"})
    leads_on.answer = lambda _received: (302, {"Location": target.url})
    office.subscribe(long)
    office.subscribe(leads_on)
    office.happen(jobs_in(office, 1)[0], "completed")
    office.send_all()
    assert sorted((row["last_status"], row["status"]) for row in office.deliveries()) == [
        (200, "delivered"),
        (302, "pending"),
    ]
    assert target.received == []


def test_what_leads_inside_by_now_is_not_sent(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    office.subscribe(sink)
    office.happen(jobs_in(office, 1)[0], "completed")
    office.allow()
    office.send_all()
    (row,) = office.deliveries()
    assert (row["status"], row["last_status"], row["attempts"], sink.received) == ("pending", None, 1, [])
    assert row["last_error"]


def test_who_always_has_something_keeps_no_other_waiting(
    sqlite_shelf: Shelf, open_sink: OpenSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MOST_LINES", 2)
    monkeypatch.setattr(deliveries, "_TURN_S", 0.1)
    office, quiet, busy = PostOffice(sqlite_shelf), open_sink(), [open_sink(), open_sink()]
    office.allow(quiet, *busy)
    for sink in busy:
        office.subscribe(sink, "stage.ended")
    office.subscribe(quiet, "job.completed")  # the last of them in the database
    job_id, other_id = jobs_in(office, 2)
    office.happen(job_id, *["find_faces"] * 150)
    with office.sending():
        wait_until(lambda: all(sink.received for sink in busy), timeout_s=20, what="a line for each")
        office.happen(other_id, "completed")
        wait_until(lambda: quiet.received, timeout_s=20, what="its turn")
        left = [150 - len(sink.received) for sink in busy]
    assert min(left) > 0


def test_after_stop_nothing_new_is_sent(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    """What is under way is sent to its end, and the lease is left to others."""
    office, is_stopped = PostOffice(sqlite_shelf), threading.Event()
    office.subscribe(sink)
    office.complete(10)

    def answer(_received: Received) -> int:
        assert is_stopped.wait(10)
        return 200

    sink.answer = answer
    with office.sending() as sender:
        wait_until(lambda: sink.most_at_once == STRIKES, timeout_s=10, what="as many as are sent at once")
        sender.stop()
        is_stopped.set()
    assert len(sink.received) == STRIKES
    assert office.statuses() == ["delivered"] * STRIKES + ["pending"] * 6
    assert office.shelf.rows("SELECT * FROM leader_leases") == []
