"""The outbox: who is to hear of an event is written down in the event's own transaction, or it never was."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, or_, select

from database_models import api_keys, jobs
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.domain.webhooks import DeliveryStatus, WebhookEvent, event_of, message
from veilgate.persistence.clock import now_ms
from veilgate.persistence.key_repository import USABLE
from veilgate.persistence.records import NewEvent
from veilgate.persistence.tables.outgoing import webhook_deliveries, webhook_endpoints

_E, _D, _J = webhook_endpoints.c, webhook_deliveries.c, jobs.c
# Switched on, and not made with a key that is no good any more.
IS_ON = _E.disabled_reason.is_(None) & or_(
    _E.key_prefix.is_(None), exists().where(api_keys.c.prefix == _E.key_prefix, USABLE)
)
_HEARS = IS_ON & _E.events.like(bindparam("named"))
_ANY_SUBSCRIBED = (
    select(_E.id).where(_E.disabled_reason.is_(None), _E.events.like(bindparam("named"))).limit(1)
)
# Locked against whoever deletes an endpoint, who waits until our rows are there to be deleted with it.
_WHO_HEARS_OF_JOB = (
    select(
        _E.id.label("endpoint_id"),
        _J.id.label("job_id"),
        _J.owner_id,
        _J.image_id,
        _J.kind,
        _J.event_seq,
        _J.fence,
        _J.correlation_id,
        now_ms().label("at_ms"),
    )
    .join(jobs, _J.owner_id == _E.owner_id)
    .where(_J.id == bindparam("the_job"), _HEARS)
    .with_for_update(read=True)
)
_WHO_HEARS = (
    select(_E.id.label("endpoint_id"), now_ms().label("at_ms"))
    .where(_E.owner_id == bindparam("whose"), _HEARS)
    .with_for_update(read=True)
)
_INSERT = webhook_deliveries.insert().values(
    status=DeliveryStatus.PENDING, attempts=0, not_before_ms=now_ms(), created_at_ms=now_ms()
)


class OutboxRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._subscribed: dict[WebhookEvent, bool] = {}

    def tell(self, job_id: str, new_event: NewEvent) -> None:
        """Write down who is to hear of an event that was appended to a job in this transaction."""
        if not self._anybody_listens:
            return
        event = event_of(new_event.stage, new_event.outcome)
        if not self._is_subscribed_to(event):
            return
        hearing = self._connection.execute(
            _WHO_HEARS_OF_JOB, {"the_job": job_id, "named": _named(event)}
        ).all()
        if not hearing:
            return
        payload = message(event, hearing[0].at_ms, _told_of(hearing[0], new_event))
        self._insert(
            hearing,
            owner_id=hearing[0].owner_id,
            event=event,
            payload=payload,
            job_id=job_id,
            image_id=hearing[0].image_id,
            seq=hearing[0].event_seq,
            correlation_id=hearing[0].correlation_id,
        )

    def image_erased(self, image_id: str, job_ids: Sequence[str], *, owner_id: str) -> None:
        """Nothing more is sent of these jobs, nor kept of what was; who wants to hears that this is so."""
        self._connection.execute(webhook_deliveries.delete().where(_D.job_id.in_(job_ids)))
        event = WebhookEvent.IMAGE_ERASED
        hearing = self._connection.execute(_WHO_HEARS, {"whose": owner_id, "named": _named(event)}).all()
        if hearing:
            payload = message(event, hearing[0].at_ms, {"image_id": image_id})
            self._insert(hearing, owner_id=owner_id, event=event, payload=payload, image_id=image_id)

    @cached_property
    def _anybody_listens(self) -> bool:
        """Asked once a transaction: a worker that writes six events a picture mostly has nobody to tell."""
        return self._connection.execute(select(_E.id).limit(1)).first() is not None

    def _is_subscribed_to(self, event: WebhookEvent) -> bool:
        """By anybody at all, asked once a transaction, too: most who listen want to hear of ends alone."""
        if event not in self._subscribed:
            found = self._connection.execute(_ANY_SUBSCRIBED, {"named": _named(event)})
            self._subscribed[event] = found.first() is not None
        return self._subscribed[event]

    def _insert(
        self,
        hearing: Sequence[Row[Any]],
        *,
        owner_id: str,
        event: WebhookEvent,
        payload: str,
        job_id: str | None = None,
        image_id: str | None = None,
        seq: int = 0,
        correlation_id: str | None = None,
    ) -> None:
        common = {
            "owner_id": owner_id,
            "event": event,
            "payload": payload,
            "job_id": job_id,
            "image_id": image_id,
            "seq": seq,
            "correlation_id": correlation_id,
        }
        rows = [{**common, "id": new_id(), "endpoint_id": row.endpoint_id} for row in hearing]
        self._connection.execute(_INSERT, rows)


def _named(event: WebhookEvent) -> str:
    """As a pattern that finds the event in the JSON list of an endpoint."""
    return f'%"{event}"%'


def _told_of(job: Row[Any], new_event: NewEvent) -> dict[str, Any]:
    """What subscribers are told: where to look, not what was found."""
    is_end_of_stage = new_event.stage != "job"
    told = {
        "job_id": job.job_id,
        "image_id": job.image_id,
        "kind": job.kind,
        "seq": job.event_seq,
        "attempt": job.fence,
        "status": JobStatus.PROCESSING if is_end_of_stage else new_event.outcome,
        "links": {"status": f"/status/{job.job_id}", "image": f"/images/{job.image_id}"},
    }
    if is_end_of_stage:
        told |= {"stage": new_event.stage, "outcome": new_event.outcome}
    elif new_event.outcome == JobStatus.COMPLETED and job.kind == JobKind.VEIL:
        told["links"]["processed"] = f"/images/{job.image_id}/processed"
    if error := json.loads(new_event.payload).get("error"):
        told["error"] = error
    return told
