"""Endpoints of webhooks: where an owner wants to hear of events."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from veilgate.domain.webhooks import OVERLAP_MS, DeliveryStatus
from veilgate.persistence.clock import now_ms
from veilgate.persistence.outbox_repository import IS_ON
from veilgate.persistence.tables.outgoing import webhook_deliveries, webhook_endpoints

_E, _D = webhook_endpoints.c, webhook_deliveries.c


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """`key_prefix` is the key that it hangs on, if it was made with one."""

    id: str
    owner_id: str
    key_prefix: str | None
    url: str = field(repr=False)
    events: tuple[str, ...]
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    """`is_on`: it is not disabled, and its key is still good."""

    id: str
    key_prefix: str | None
    url: str = field(repr=False)
    events: tuple[str, ...]
    disabled_reason: str | None
    failures: int
    paused_until_ms: int
    previous_until_ms: int | None
    created_at_ms: int
    updated_at_ms: int
    is_on: bool


_SHOWN = tuple(_E[name] for name in EndpointRecord.__dataclass_fields__ if name != "is_on")


class WebhookEndpointRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, endpoint: NewEndpoint) -> None:
        self._connection.execute(
            webhook_endpoints.insert().values(
                id=endpoint.id,
                owner_id=endpoint.owner_id,
                key_prefix=endpoint.key_prefix,
                url=endpoint.url,
                events=json.dumps(endpoint.events),
                secret=endpoint.secret,
                failures=0,
                paused_until_ms=0,
                created_at_ms=now_ms(),
                updated_at_ms=now_ms(),
            )
        )

    def count_of(self, owner_id: str) -> int:
        """Of two who have each added one at the same time, one waits here for the other."""
        rows = self._connection.execute(select(_E.id).where(_E.owner_id == owner_id).with_for_update())
        return len(rows.all())

    def list(self, owner_id: str) -> Sequence[EndpointRecord]:
        """The oldest first."""
        return self._records(_E.owner_id == owner_id)

    def get(self, endpoint_id: str, *, owner_id: str) -> EndpointRecord | None:
        return next(iter(self._records(_E.id == endpoint_id, _E.owner_id == owner_id)), None)

    def hold(self, endpoint_id: str) -> None:
        """Keep others from changing the endpoint until the transaction ends."""
        self._connection.execute(select(_E.id).where(_E.id == endpoint_id).with_for_update())

    def change(self, endpoint_id: str, *, url: str | None, events: tuple[str, ...] | None) -> None:
        """A new address begins without the failures of the old one."""
        values: dict[str, Any] = {}
        if url is not None:
            values |= {"url": url, "failures": 0, "paused_until_ms": 0}
        if events is not None:
            values["events"] = json.dumps(events)
        self._update(endpoint_id, **values)

    def enable(self, endpoint_id: str, *, key_prefix: str | None) -> None:
        """It hangs on this key from now on: the one before may be no good any more."""
        self._update(endpoint_id, disabled_reason=None, key_prefix=key_prefix, failures=0, paused_until_ms=0)

    def disable(self, endpoint_id: str, reason: str) -> None:
        """Switch it off; what waits for it is dropped."""
        self._update(endpoint_id, disabled_reason=reason)
        self._connection.execute(
            update(webhook_deliveries)
            .where(_D.endpoint_id == endpoint_id, _D.status == DeliveryStatus.PENDING)
            .values(status=DeliveryStatus.DROPPED, finished_at_ms=now_ms(), last_error=reason)
        )

    def rotate(self, endpoint_id: str, secret: str) -> None:
        """Another secret; the one before signs beside it for a while."""
        self._connection.execute(
            update(webhook_endpoints)
            .where(_E.id == endpoint_id)
            # In this order, because MySQL reads already changed columns while it goes along.
            .ordered_values(
                (_E.previous_secret, _E.secret),
                (_E.previous_until_ms, now_ms() + OVERLAP_MS),
                (_E.secret, secret),
                (_E.updated_at_ms, now_ms()),
            )
        )

    def hurry(self, endpoint_id: str) -> None:
        """Do not wait until a pause is over: its owner thinks that it works again."""
        self._connection.execute(
            update(webhook_endpoints).where(_E.id == endpoint_id).values(paused_until_ms=0)
        )

    def hand_on(self, key_prefix: str, to_prefix: str) -> None:
        """What hung on one key hangs on another."""
        self._connection.execute(
            update(webhook_endpoints).where(_E.key_prefix == key_prefix).values(key_prefix=to_prefix)
        )

    def delete(self, endpoint_id: str) -> None:
        """With its log. What is being sent to it now still arrives."""
        self._connection.execute(webhook_deliveries.delete().where(_D.endpoint_id == endpoint_id))
        self._connection.execute(webhook_endpoints.delete().where(_E.id == endpoint_id))

    def _update(self, endpoint_id: str, **values: Any) -> None:
        self._connection.execute(
            update(webhook_endpoints).where(_E.id == endpoint_id).values(**values, updated_at_ms=now_ms())
        )

    def _records(self, *conditions: ColumnElement[bool]) -> Sequence[EndpointRecord]:
        rows = self._connection.execute(
            select(*_SHOWN, IS_ON.label("is_on")).where(*conditions).order_by(_E.created_at_ms, _E.id)
        ).mappings()
        return [
            EndpointRecord(**{**row, "events": tuple(json.loads(row["events"])), "is_on": bool(row["is_on"])})
            for row in rows
        ]
