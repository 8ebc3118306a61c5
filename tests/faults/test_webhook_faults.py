"""Webhooks whose receiver is down, and senders that are killed."""

import time
from collections.abc import Iterator

import pytest

from tests.faults.cells import MARIADB, SQLITE, Seen, cell
from tests.faults.client import Clients
from tests.faults.members import Member
from tests.faults.oracle import Oracle
from tests.faults.rig import Rig
from tests.fixtures.webhook_sink import WebhookSink
from veilgate.domain.ids import new_id
from veilgate.domain.webhooks import new_secret

BOTH = (MARIADB, SQLITE)
EVENTS = '["stage.ended", "job.completed"]'


class Hook:
    """A webhook of everybody who uploads to the rig, and what was noted about it."""

    def __init__(self, rig: Rig, sink: WebhookSink) -> None:
        self.rig, self.sink, self.id = rig, sink, new_id()
        self._senders: list[Member] = []
        rig.execute(
            "INSERT INTO webhook_endpoints (id, owner_id, url, events, secret, failures, paused_until_ms,"
            " created_at_ms, updated_at_ms) VALUES (:id, 'anonymous', :url, :events, :secret, 0, 0, 1, 1)",
            id=self.id,
            url=sink.url,
            events=EVENTS,
            secret=new_secret(),
        )

    def sender(self, name: str) -> Member:
        allowed = f"127.0.0.0/8:{self.sink.port}"
        sender = self.rig.another(name, "worker.py", "deliveries", WEBHOOK_ALLOW=allowed)
        self._senders.append(sender)
        return sender

    def count(self, status: str) -> int:
        query = "SELECT count(*) AS n FROM webhook_deliveries WHERE status = :status"
        return int(self.rig.select(query, status=status)[0]["n"])

    def disabled_reason(self) -> str | None:
        (row,) = self.rig.select("SELECT disabled_reason FROM webhook_endpoints WHERE id = :id", id=self.id)
        reason: str | None = row["disabled_reason"]
        return reason

    def seqs(self) -> dict[str, list[int]]:
        """By job, the numbers of the events that came, in the order in which each came first."""
        seen: dict[str, list[int]] = {}
        for one in {received.id: received for received in reversed(self.sink.received)}.values():
            if one.event != "webhook.test":
                seen.setdefault(one.data["job_id"], []).append(one.data["seq"])
        return {job_id: numbers[::-1] for job_id, numbers in seen.items()}

    def forget(self) -> None:
        for sender in self._senders:
            sender.kill()
        self.rig.execute("DELETE FROM webhook_deliveries")
        self.rig.execute("DELETE FROM webhook_endpoints")


def who_sends(rig: Rig, senders: list[Member]) -> Member:
    """The one that logged a message last."""
    lines = [line for line in rig.log.splitlines() if "delivery.sent" in line]
    return next(sender for sender in senders if sender.name in lines[-1])


@pytest.fixture
def hook(rig: Rig, oracle: Oracle, sink: WebhookSink) -> Iterator[Hook]:
    made = Hook(rig, sink)
    yield made
    made.forget()


@cell(
    "F49",
    fault="a webhook's receiver is down for a while, and then says 410",
    promised="tried again later and later, in order for each job; 410 switches it off",
)
def test_receiver_down_then_gone(rig: Rig, hook: Hook, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    sender = hook.sender("deliveries-1")
    sender.start()
    hook.sink.down()
    job_ids = clients.upload_many(3)
    rig.until(lambda: oracle.have_ended(job_ids), what="their ends")
    waiting = hook.count("pending")
    rig.until(
        lambda: rig.select("SELECT id FROM webhook_endpoints WHERE failures >= 4"),
        what="a rest of the endpoint",
    )
    began_s = time.monotonic()
    hook.sink.up()
    # Its owner does not wait until the rest is over.
    assert rig.http.post(f"/webhooks/{hook.id}/test").status_code == 202
    rig.until(lambda: not hook.count("pending"), what="everything delivered", timeout_s=60)
    took_s = time.monotonic() - began_s
    assert {job_id: sorted(numbers) for job_id, numbers in hook.seqs().items()} == hook.seqs()
    assert len(hook.sink.ids) == len(set(hook.sink.ids)) == waiting + 1
    hook.sink.answer = lambda _received: 410
    clients.upload()
    rig.until(lambda: hook.disabled_reason() is not None, what="the endpoint to be switched off")
    heard = len(hook.sink.ids)
    last = clients.upload()
    rig.until(lambda: oracle.have_ended([last]), what="its end")
    assert (hook.count("pending"), len(hook.sink.ids)) == (0, heard)
    oracle.check()
    seen.saw(f"{waiting} of {waiting} once and in order, {took_s:.1f} s after it was back; 410: switched off")


@cell(
    "F49",
    fault="a deliveries worker killed −9 between a message that was taken and its record",
    promised="sent again with the same id, what comes after it later",
    houses=BOTH,
)
def test_killed_before_the_record(rig: Rig, hook: Hook, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    job_id = clients.upload()
    rig.until(lambda: oracle.have_ended([job_id]), what="its end")
    waiting = hook.count("pending")
    doomed = hook.sender("deliveries-1")
    doomed.start(FAILPOINTS="webhook_sent:kill9@1")
    assert doomed.wait_for_end(0) == -9
    began_s = time.monotonic()
    doomed.start()
    rig.until(lambda: not hook.count("pending"), what="everything delivered", timeout_s=60)
    took_s = time.monotonic() - began_s
    first, second, *_ = hook.sink.received
    assert (first.id, first.body) == (second.id, second.body)
    assert len(hook.sink.ids) == waiting + 1
    assert hook.seqs()[job_id] == sorted(hook.seqs()[job_id])
    oracle.check()
    seen.saw(f"1 of {waiting} twice under one id, all in order; the next sender began after {took_s:.1f} s")


@cell(
    "F49",
    fault="two deliveries workers, one killed −9 in the middle",
    promised="each message is taken; twice only what was under way; in order for each job",
    houses=BOTH,
)
def test_two_senders_one_killed(rig: Rig, hook: Hook, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    senders = [hook.sender(f"deliveries-{number}") for number in (1, 2)]
    for sender in senders:
        sender.start()
    job_ids = clients.upload_many(8)
    rig.until(lambda: hook.sink.ids, what="the first message")
    who_sends(rig, senders).kill()
    rig.until(lambda: oracle.have_ended(job_ids), what="their ends")
    rig.until(lambda: not hook.count("pending"), what="everything delivered", timeout_s=60)
    twice = len(hook.sink.ids) - len(set(hook.sink.ids))
    assert twice <= 4
    assert hook.count("delivered") == len(set(hook.sink.ids))
    assert all(numbers == sorted(numbers) for numbers in hook.seqs().values())
    oracle.check()
    seen.saw(f"{hook.count('delivered')} messages of 8 jobs, {twice} of them twice, all in order")
