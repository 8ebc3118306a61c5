"""The outbox as a sender uses it: every step is one transaction, and only who holds an endpoint's lease
writes down what came of sends to it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

from veilgate.domain.webhooks import GONE, STRIKES, DeliveryStatus, cut_pause_ms, pause_ms, retry_ms
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.delivery_repository import DeliveryResult, DueDelivery, Receiver
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import WEBHOOK_MESSAGES, from_zero

_log = get_logger(__name__)
# How tries end and messages do, as Prometheus is told.
TAKEN, REFUSED, UNREACHABLE, GIVEN_UP = "taken", "refused", "unreachable", "given_up"
# Twice the longest that a send may take: who dies keeps an endpoint waiting for so long.
LEASE_MS = 20_000
_GONE_REASON = "The endpoint answered 410: it is gone for good."
_TOO_OLD = "The time to send it is over."
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

    @property
    def ended_as(self) -> str:
        if self.is_taken:
            return TAKEN
        return UNREACHABLE if self.status is None else REFUSED

    def is_gone(self, receiver: Receiver | None) -> bool:
        """Whether it was the address of today that says so."""
        return self.status == GONE and receiver is not None and self.url == receiver.url


@dataclass(frozen=True, slots=True)
class Line:
    """What may be sent to an endpoint now, by whoever holds its lease."""

    receiver: Receiver
    deliveries: list[DueDelivery]


class DeliveryBook:
    """`give_up_ms` after its event a delivery is not sent, be it for the first time, except by hand."""

    def __init__(self, database: Database, *, give_up_ms: int) -> None:
        from_zero(WEBHOOK_MESSAGES, [TAKEN, REFUSED, UNREACHABLE, GIVEN_UP])
        self._database = database
        self._give_up_ms = give_up_ms
        self._holder = uuid4().hex

    def waited_for(self) -> list[str]:
        """Endpoints that something can be sent to, and that no other sender holds."""
        with self._database.read() as transaction:
            return transaction.deliveries.waited_for(holder=self._holder)

    def open(self, endpoint_id: str, *, limit: int) -> Line | None:
        """Take the lease of an endpoint; None when another has it, or there is nothing to send."""
        line, too_old = self._open(endpoint_id, limit=limit)
        WEBHOOK_MESSAGES.labels(GIVEN_UP).inc(too_old)
        return line

    @again_after_deadlock
    def _open(self, endpoint_id: str, *, limit: int) -> tuple[Line | None, int]:
        with self._database.write() as transaction:
            if not self._hold(transaction, endpoint_id):
                return None, 0
            return self._next(transaction, endpoint_id, limit=limit, under_way=frozenset())

    def write(
        self, endpoint_id: str, sent: Sequence[Sent], *, limit: int, under_way: frozenset[str]
    ) -> Line | None:
        """Write down what came of these, and renew the lease. What may be sent beside those that are under
        way; None when that is nothing, or the lease was lost."""
        (line, too_old), results = self._write(endpoint_id, sent, limit=limit, under_way=under_way)
        given_up = sum(result.outcome is DeliveryStatus.GIVEN_UP for result in results)
        WEBHOOK_MESSAGES.labels(GIVEN_UP).inc(given_up + too_old)
        for one, result in zip(sent, results, strict=False):
            _log_untaken(one.delivery, result)
        return line

    @again_after_deadlock
    def _write(
        self, endpoint_id: str, sent: Sequence[Sent], *, limit: int, under_way: frozenset[str]
    ) -> tuple[tuple[Line | None, int], list[DeliveryResult]]:
        with self._database.write() as transaction:
            if not self._hold(transaction, endpoint_id):
                return (None, 0), []
            results = self._write_sent(transaction, endpoint_id, sent)
            return self._next(transaction, endpoint_id, limit=limit, under_way=under_way), results

    @again_after_deadlock
    def release(self, endpoint_id: str) -> None:
        """Leave what is left to others."""
        with self._database.write() as transaction:
            transaction.leases.release(endpoint_id, holder=self._holder)

    def _hold(self, transaction: Transaction, endpoint_id: str) -> bool:
        return transaction.leases.acquire(endpoint_id, holder=self._holder, lease_ms=LEASE_MS)

    def _next(
        self, transaction: Transaction, endpoint_id: str, *, limit: int, under_way: frozenset[str]
    ) -> tuple[Line | None, int]:
        """And how many were too old, and are given up."""
        receiver = transaction.deliveries.receiver(endpoint_id)
        due: list[DueDelivery] = []
        too_old = 0
        if receiver is not None and not receiver.rests:
            due, too_old = self._due(transaction, endpoint_id, limit=limit, under_way=under_way)
        if receiver and due:
            return Line(receiver, due), too_old
        if not under_way:
            transaction.leases.release(endpoint_id, holder=self._holder)
        return None, too_old

    def _due(
        self, transaction: Transaction, endpoint_id: str, *, limit: int, under_way: frozenset[str]
    ) -> tuple[list[DueDelivery], int]:
        """What may be sent now; what is too old for that is given up, all at once, unless it is wanted by
        hand."""
        find = partial(transaction.deliveries.next_of, endpoint_id, limit=limit, but_not=under_way)
        due, oldest_ms = find(), transaction.now_ms() - self._give_up_ms
        if any(one.created_at_ms < oldest_ms for one in due):
            too_old = transaction.deliveries.give_up(
                endpoint_id, older_than_ms=self._give_up_ms, reason=_TOO_OLD, but_not=under_way
            )
            return find(), too_old
        return due, 0

    def _write_sent(
        self, transaction: Transaction, endpoint_id: str, sent: Sequence[Sent]
    ) -> list[DeliveryResult]:
        is_trouble = not all(one.is_taken for one in sent)
        if is_trouble:
            # Before its deliveries, as everybody locks them.
            transaction.webhook_endpoints.hold(endpoint_id)
        receiver = transaction.deliveries.receiver(endpoint_id)
        now = transaction.now_ms()
        results = [self._result_of(one, receiver, now) for one in sent]
        for result in results:
            transaction.deliveries.write(result)
        # What another address said, from before the owner changed it, is nothing that this one did.
        heard = [one for one in sent if receiver is not None and one.url == receiver.url]
        if receiver is not None and heard and (is_trouble or receiver.failures):
            self._write_endpoint(transaction, receiver, heard)
        return results

    def _write_endpoint(self, transaction: Transaction, receiver: Receiver, heard: Sequence[Sent]) -> None:
        if any(one.is_gone(receiver) for one in heard):
            transaction.webhook_endpoints.disable(receiver.id, _GONE_REASON)
            return
        refused = [one for one in heard if not one.is_taken]
        failures = receiver.failures + len(refused) if len(refused) == len(heard) else 0
        asked_s = max((one.retry_after_s or 0 for one in refused), default=0)
        pause = pause_ms(failures, jitter=_jitter(), asked_s=asked_s)
        if pause:
            pause = cut_pause_ms(pause, left_ms=self._left_ms(transaction, receiver.id))
        transaction.deliveries.note_failures(receiver.id, failures, pause_ms=pause)
        if not failures and receiver.failures >= STRIKES:
            # It was down and is back. What failed meanwhile need not wait for hours.
            transaction.deliveries.hurry(receiver.id)

    def _left_ms(self, transaction: Transaction, endpoint_id: str) -> int:
        """How long the oldest that waits may still be tried."""
        now = transaction.now_ms()
        since_ms = transaction.deliveries.waiting_since_ms(endpoint_id)
        return self._give_up_ms - (now - (now if since_ms is None else since_ms))

    def _result_of(self, sent: Sent, receiver: Receiver | None, now_ms: int) -> DeliveryResult:
        outcome, retry_in_ms = DeliveryStatus.DELIVERED, None
        if sent.is_gone(receiver):
            outcome = DeliveryStatus.DROPPED
        elif not sent.is_taken:
            retry_in_ms = retry_ms(
                sent.delivery.attempts + 1,
                left_ms=sent.delivery.created_at_ms + self._give_up_ms - now_ms,
                jitter=_jitter(),
                asked_s=sent.retry_after_s,
            )
            outcome = DeliveryStatus.GIVEN_UP if retry_in_ms is None else DeliveryStatus.PENDING
        return DeliveryResult(
            sent.delivery.id,
            outcome,
            sent.took_ms,
            sent.status,
            sent.error and sent.error[:_LONGEST_ERROR],
            retry_in_ms,
        )


def who_hears(delivery: DueDelivery) -> dict[str, str | None]:
    """What the log says of a message: never where it goes, which may be a secret."""
    return {
        "delivery_id": delivery.id,
        "about": delivery.event,
        "job_id": delivery.job_id,
        "image_id": delivery.image_id,
        "correlation_id": delivery.correlation_id,
    }


def log_sent(sent: Sent, receiver: Receiver) -> None:
    say = _log.info if sent.is_taken else _log.warning
    say(
        "delivery.sent",
        endpoint_id=receiver.id,
        status=sent.status,
        error=sent.error,
        attempt=sent.delivery.attempts + 1,
        ms=sent.took_ms,
        **who_hears(sent.delivery),
    )


def _log_untaken(delivery: DueDelivery, result: DeliveryResult) -> None:
    """Whether one that was not taken is sent again, and when."""
    if result.retry_in_ms is not None:
        _log.info("delivery.put_back", retry_in_ms=result.retry_in_ms, **who_hears(delivery))
    elif result.outcome is not DeliveryStatus.DELIVERED:
        _log.warning("delivery.ended", status=result.outcome, **who_hears(delivery))


def _jitter() -> float:
    return random.random()  # noqa: S311 - not a secret
