"""Deliveries: what waits to be sent to an endpoint, and what became of it. Who sends holds its lease."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, true, update

from database_models import leader_leases
from veilgate.domain.webhooks import KEY_ENDED, DeliveryStatus, WebhookEvent
from veilgate.persistence.clock import now_ms
from veilgate.persistence.outbox_repository import IS_ON
from veilgate.persistence.tables.outgoing import webhook_deliveries, webhook_endpoints

_E, _D, _L = webhook_endpoints.c, webhook_deliveries.c, leader_leases.c
_EARLIER = webhook_deliveries.alias("earlier")
# Due before all else: what somebody wants to have sent now, whatever its age.
_BY_HAND_MS = 0
# Due, and the first of its job that has not been sent.
_IS_NEXT = and_(
    _D.status == DeliveryStatus.PENDING,
    _D.not_before_ms <= now_ms(),
    ~exists().where(
        _EARLIER.c.endpoint_id == _D.endpoint_id,
        _EARLIER.c.job_id == _D.job_id,
        _EARLIER.c.seq < _D.seq,
        _EARLIER.c.status == DeliveryStatus.PENDING,
    ),
)


@dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint as a sender needs it. `previous_secret` is None once it signs no more; while it `rests`
    nothing is sent."""

    id: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    previous_secret: str | None = field(repr=False)
    failures: int
    rests: bool


@dataclass(frozen=True, slots=True)
class DueDelivery:
    id: str
    event: str
    job_id: str | None
    image_id: str | None
    attempts: int
    payload: str = field(repr=False)
    correlation_id: str | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What came of one try; `error` says why there is no status. `retry_in_ms`: None = there is no other."""

    delivery_id: str
    outcome: DeliveryStatus
    took_ms: int
    status: int | None
    error: str | None
    retry_in_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One line of the log."""

    id: str
    event: str
    job_id: str | None
    image_id: str | None
    seq: int
    status: DeliveryStatus
    attempts: int
    not_before_ms: int
    last_status: int | None
    last_error: str | None
    last_took_ms: int | None
    created_at_ms: int
    finished_at_ms: int | None


_LOGGED = tuple(_D[name] for name in DeliveryRecord.__dataclass_fields__)
_DUE = tuple(_D[name] for name in DueDelivery.__dataclass_fields__)


class DeliveryRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def waited_for(self, *, holder: str) -> list[str]:
        """Endpoints that something can be sent to now, and that nobody but `holder` sends to, those first
        that have rested longest."""
        held_by_another = exists().where(_L.name == _E.id, _L.holder != holder, _L.until_ms > now_ms())
        # Asked for beside it, one by one: as a condition MariaDB would read all that waits for anybody, which
        # took 155 ms with 26,000 deliveries where this takes 1 ms.
        first = select(_D.id).where(_D.endpoint_id == _E.id, _IS_NEXT).order_by(_D.not_before_ms).limit(1)
        rows = self._connection.execute(
            select(_E.id, first.correlate(webhook_endpoints).scalar_subquery().label("first"))
            .where(IS_ON, _E.paused_until_ms <= now_ms(), ~held_by_another)
            .order_by(_E.paused_until_ms)
        )
        return [row.id for row in rows if row.first is not None]

    def receiver(self, endpoint_id: str) -> Receiver | None:
        """None of one that is gone or off."""
        row = self._connection.execute(
            select(
                _E.id,
                _E.url,
                _E.secret,
                _E.previous_secret,
                (_E.previous_until_ms > now_ms()).label("both_sign"),
                _E.failures,
                (_E.paused_until_ms > now_ms()).label("rests"),
            ).where(_E.id == endpoint_id, IS_ON)
        ).one_or_none()
        if row is None:
            return None
        previous = row.previous_secret if row.both_sign else None
        return Receiver(row.id, row.url, row.secret, previous, row.failures, bool(row.rests))

    def next_of(self, endpoint_id: str, *, limit: int, but_not: Collection[str] = ()) -> list[DueDelivery]:
        """What may be sent now, side by side: of each job the first alone. What was never tried comes before
        what has failed meanwhile."""
        rows = self._connection.execute(
            select(*_DUE)
            .where(_D.endpoint_id == endpoint_id, _D.id.not_in(but_not), _IS_NEXT)
            .order_by(_D.not_before_ms, _D.id)
            .limit(limit)
        )
        return [DueDelivery(*row) for row in rows]

    def write(self, result: DeliveryResult) -> None:
        """Unless it was dropped or erased while it was being sent."""
        ended = result.outcome is not DeliveryStatus.PENDING
        self._connection.execute(
            update(webhook_deliveries)
            .where(_D.id == result.delivery_id, _D.status == DeliveryStatus.PENDING)
            .values(
                status=result.outcome,
                attempts=_D.attempts + 1,
                not_before_ms=now_ms() + (result.retry_in_ms or 0),
                last_status=result.status,
                last_error=result.error,
                last_took_ms=result.took_ms,
                finished_at_ms=now_ms() if ended else None,
            )
        )

    def note_failures(self, endpoint_id: str, failures: int, *, pause_ms: int) -> None:
        """How many there were in a row, and how long nothing is sent because of that."""
        self._connection.execute(
            update(webhook_endpoints)
            .where(_E.id == endpoint_id)
            .values(failures=failures, paused_until_ms=now_ms() + pause_ms if pause_ms else 0)
        )

    def hurry(self, endpoint_id: str) -> None:
        """What waits for its next try is due now."""
        self._connection.execute(
            update(webhook_deliveries)
            .where(
                _D.endpoint_id == endpoint_id,
                _D.status == DeliveryStatus.PENDING,
                _D.not_before_ms > now_ms(),
            )
            .values(not_before_ms=now_ms())
        )

    def waiting_since_ms(self, endpoint_id: str) -> int | None:
        """When the oldest that waits was created; None when nothing does."""
        oldest = select(func.min(_D.created_at_ms)).where(
            _D.endpoint_id == endpoint_id, _D.status == DeliveryStatus.PENDING
        )
        since_ms: int | None = self._connection.execute(oldest).scalar_one()
        return since_ms

    def give_up(
        self, endpoint_id: str, *, older_than_ms: int, reason: str, but_not: Collection[str] = ()
    ) -> int:
        """What has waited for longer than that, and is not wanted by hand; how many those are."""
        given_up = self._connection.execute(
            update(webhook_deliveries)
            .where(
                _D.endpoint_id == endpoint_id,
                _D.status == DeliveryStatus.PENDING,
                _D.created_at_ms < now_ms() - older_than_ms,
                _D.not_before_ms != _BY_HAND_MS,
                _D.id.not_in(but_not),
            )
            .values(status=DeliveryStatus.GIVEN_UP, finished_at_ms=now_ms(), last_error=reason)
        )
        return given_up.rowcount

    def add_test(self, delivery_id: str, endpoint_id: str, *, owner_id: str, payload: str) -> None:
        """First in its line."""
        self._connection.execute(
            webhook_deliveries.insert().values(
                id=delivery_id,
                endpoint_id=endpoint_id,
                owner_id=owner_id,
                seq=0,
                event=WebhookEvent.TEST,
                payload=payload,
                status=DeliveryStatus.PENDING,
                attempts=0,
                not_before_ms=_BY_HAND_MS,
                created_at_ms=now_ms(),
            )
        )

    def send_again(self, delivery_id: str, *, endpoint_id: str) -> bool:
        """First in its line, whatever has become of it; False when there is none."""
        result = self._connection.execute(
            update(webhook_deliveries)
            .where(_D.id == delivery_id, _D.endpoint_id == endpoint_id)
            .values(status=DeliveryStatus.PENDING, not_before_ms=_BY_HAND_MS, finished_at_ms=None)
        )
        return result.rowcount == 1

    def log_of(
        self, endpoint_id: str, *, below: tuple[int, str] | None = None, limit: int
    ) -> Sequence[DeliveryRecord]:
        """The newest first, from below the one with this time and id."""
        behind: ColumnElement[bool] = true()
        if below:
            at_ms, delivery_id = below
            in_same_ms = and_(_D.created_at_ms == at_ms, _D.id < delivery_id)
            behind = or_(_D.created_at_ms < at_ms, in_same_ms)
        rows = self._connection.execute(
            select(*_LOGGED)
            .where(_D.endpoint_id == endpoint_id, behind)
            .order_by(_D.created_at_ms.desc(), _D.id.desc())
            .limit(limit)
        )
        return [DeliveryRecord(**row._mapping) for row in rows]

    def drop_unheard(self) -> int:
        """What waits for endpoints whose key is no good any more; returns how many."""
        unheard = list(self._connection.execute(select(_E.id).where(~IS_ON)).scalars())
        result = self._connection.execute(
            update(webhook_deliveries)
            .where(_D.status == DeliveryStatus.PENDING, _D.endpoint_id.in_(unheard))
            .values(status=DeliveryStatus.DROPPED, finished_at_ms=now_ms(), last_error=KEY_ENDED)
        )
        return result.rowcount

    def forget_older_than(self, age_ms: int, *, limit: int) -> int:
        """What ended longer ago than that, `limit` at most; returns how many."""
        ended = (DeliveryStatus.DELIVERED, DeliveryStatus.GIVEN_UP, DeliveryStatus.DROPPED)
        found = self._connection.execute(
            select(_D.id).where(_D.status.in_(ended), _D.finished_at_ms < now_ms() - age_ms).limit(limit)
        )
        ids = list(found.scalars())
        self._connection.execute(webhook_deliveries.delete().where(_D.id.in_(ids)))
        return len(ids)
