"""The outbox as a sender uses it: every step is one transaction, and only who holds an endpoint's lease
writes down what came of sends to it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from veilgate.domain.webhooks import GONE, STRIKES, DeliveryStatus, delay_ms, pause_ms
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.delivery_repository import DeliveryResult, DueDelivery, Receiver
from veilgate.persistence.unit_of_work import Database, Transaction

# Twice the longest that a send may take: who dies keeps an endpoint waiting for so long.
LEASE_MS = 20_000
_GONE_REASON = "The endpoint answered 410: it is gone for good."
_GIVEN_UP = "The endpoint is down, and the time for further tries is over."
_LONGEST_ERROR = 255


@dataclass(frozen=True, slots=True)
class Sent:
    """One try and what was heard: a status, or an error in its place. `url` is where it was sent to."""

    delivery: DueDelivery
    url: str = field(repr=False)
    took_ms: int
    status: int | None = None
    error: str | None = None
    retry_after_s: int | None = None

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Line:
    """What may be sent to an endpoint now, by whoever holds its lease."""

    receiver: Receiver
    deliveries: list[DueDelivery]


class DeliveryBook:
    """`give_up_ms` after its event a delivery is not tried again."""

    def __init__(self, database: Database, *, give_up_ms: int) -> None:
        self._database = database
        self._give_up_ms = give_up_ms
        self._holder = uuid4().hex

    def waited_for(self, *, limit: int) -> list[str]:
        """Endpoints that something can be sent to, and that no other sender holds."""
        with self._database.read() as transaction:
            return transaction.deliveries.waited_for(holder=self._holder, limit=limit)

    @again_after_deadlock
    def open(self, endpoint_id: str, *, limit: int) -> Line | None:
        """Take the lease of an endpoint; None when another has it, or there is nothing to send."""
        with self._database.write() as transaction:
            if not self._hold(transaction, endpoint_id):
                return None
            return self._next(transaction, endpoint_id, limit=limit, under_way=frozenset())

    @again_after_deadlock
    def write(
        self, endpoint_id: str, sent: Sequence[Sent], *, limit: int, under_way: frozenset[str]
    ) -> Line | None:
        """Write down what came of these, and renew the lease. What may be sent beside those that are under
        way; None when that is nothing, or the lease was lost."""
        with self._database.write() as transaction:
            if not self._hold(transaction, endpoint_id):
                return None
            self._write_sent(transaction, endpoint_id, sent)
            return self._next(transaction, endpoint_id, limit=limit, under_way=under_way)

    @again_after_deadlock
    def release(self, endpoint_id: str) -> None:
        """Leave what is left to others."""
        with self._database.write() as transaction:
            transaction.leases.release(endpoint_id, holder=self._holder)

    def _hold(self, transaction: Transaction, endpoint_id: str) -> bool:
        return transaction.leases.acquire(endpoint_id, holder=self._holder, lease_ms=LEASE_MS)

    def _next(
        self, transaction: Transaction, endpoint_id: str, *, limit: int, under_way: frozenset[str]
    ) -> Line | None:
        receiver = transaction.deliveries.receiver(endpoint_id)
        due: list[DueDelivery] = []
        if receiver is not None and not receiver.rests:
            found = transaction.deliveries.next_of(endpoint_id, limit=limit + len(under_way))
            due = [one for one in found if one.id not in under_way]
        if receiver and due:
            return Line(receiver, due[:limit])
        if not under_way:
            transaction.leases.release(endpoint_id, holder=self._holder)
        return None

    def _write_sent(self, transaction: Transaction, endpoint_id: str, sent: Sequence[Sent]) -> None:
        receiver = transaction.deliveries.receiver(endpoint_id)
        is_trouble = not all(one.is_taken for one in sent)
        if is_trouble:
            # Before its deliveries, as everybody locks them.
            transaction.webhook_endpoints.hold(endpoint_id)
        now = transaction.now_ms()
        for one in sent:
            transaction.deliveries.write(self._result_of(one, now))
        if receiver is not None and (is_trouble or receiver.failures):
            self._write_endpoint(transaction, receiver, sent)

    def _write_endpoint(self, transaction: Transaction, receiver: Receiver, sent: Sequence[Sent]) -> None:
        if any(one.status == GONE and one.url == receiver.url for one in sent):
            transaction.webhook_endpoints.disable(receiver.id, _GONE_REASON)
            return
        failures = 0 if any(one.is_taken for one in sent) else receiver.failures + len(sent)
        asked_s = max((one.retry_after_s or 0 for one in sent), default=0)
        pause = pause_ms(failures, jitter=_jitter(), asked_s=asked_s)
        transaction.deliveries.note_failures(receiver.id, failures, pause_ms=pause)
        if not failures and receiver.failures >= STRIKES:
            # It was down and is back. What failed meanwhile need not wait for hours.
            transaction.deliveries.hurry(receiver.id)
        if pause:
            waited_ms = max(0, self._give_up_ms - pause)
            transaction.deliveries.give_up(receiver.id, older_than_ms=waited_ms, reason=_GIVEN_UP)

    def _result_of(self, sent: Sent, now_ms: int) -> DeliveryResult:
        outcome, retry_in_ms = DeliveryStatus.DELIVERED, None
        if sent.status == GONE:
            outcome = DeliveryStatus.DROPPED
        elif not sent.is_taken:
            retry_in_ms = delay_ms(sent.delivery.attempts + 1, jitter=_jitter(), asked_s=sent.retry_after_s)
            is_over = now_ms + retry_in_ms > sent.delivery.created_at_ms + self._give_up_ms
            outcome = DeliveryStatus.GIVEN_UP if is_over else DeliveryStatus.PENDING
        return DeliveryResult(
            sent.delivery.id,
            outcome,
            sent.took_ms,
            sent.status,
            sent.error and sent.error[:_LONGEST_ERROR],
            retry_in_ms,
        )


def _jitter() -> float:
    return random.random()  # noqa: S311 - not a secret
