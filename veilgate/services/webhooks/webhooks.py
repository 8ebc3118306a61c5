"""Where owners want to hear of events, and what has been sent there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from veilgate.domain.access import ANONYMOUS, Caller
from veilgate.domain.cursors import cursor_to, place_in
from veilgate.domain.errors import DeliveryNotFound, Forbidden, IllegalTransition, WebhookNotFound
from veilgate.domain.fetch_targets import FetchTarget
from veilgate.domain.ids import is_id, new_id
from veilgate.domain.rejections import (
    InvalidCursor,
    InvalidOption,
    TooManyWebhooks,
    UnknownField,
    UrlForbidden,
)
from veilgate.domain.webhooks import DEFAULT_EVENTS, SUBSCRIBABLE, WebhookEvent, message, new_secret
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.delivery_repository import DeliveryRecord
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.persistence.webhook_endpoint_repository import EndpointRecord, NewEndpoint
from veilgate.services.access.audit import Audit, AuditAction
from veilgate.services.images.erase import AskedBy

MOST_OF_ONE_OWNER = 20
_BY_ITS_OWNER = "Switched off by its owner."
_LATEST_MS = 1 << 63
_MEMBERS = {"url": str, "events": list, "enabled": bool}


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What a caller wants of an endpoint; None = as it is."""

    url: str | None = field(default=None, repr=False)
    events: tuple[str, ...] | None = None
    enabled: bool | None = None

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "WebhookChange":
        """Raises `UnknownField` or `InvalidOption`."""
        for name, value in given.items():
            if name not in _MEMBERS:
                raise UnknownField(f"Unknown member {name[:60]!r}; known are: {', '.join(_MEMBERS)}.")
            if not isinstance(value, _MEMBERS[name]):
                raise InvalidOption(f"{name} must be of another type.")
        events = given.get("events")
        return cls(given.get("url"), None if events is None else _events(events), given.get("enabled"))


@dataclass(frozen=True, slots=True)
class ShownSecret:
    """An endpoint with its secret, which is shown this once."""

    endpoint: EndpointRecord
    secret: str = field(repr=False)


class Webhooks:
    """`read_target` refuses addresses that nothing is sent to; `own_url` is where callers reach this gateway,
    as far as it knows. Every change is written down in the audit log."""

    def __init__(
        self,
        database: Database,
        *,
        read_target: Callable[[str], FetchTarget],
        own_url: str = "",
    ) -> None:
        self._database = database
        self._audit = Audit(database)
        self._read_target = read_target
        self._own_host = urlsplit(own_url).hostname

    def create(self, caller: Caller, wanted: WebhookChange, asked_by: AskedBy) -> ShownSecret:
        """Raises `Forbidden` for who shows a token, `InvalidOption`, `UrlForbidden` or `TooManyWebhooks`."""
        _require_no_token(caller)
        if wanted.url is None:
            raise InvalidOption("url must say where events are to be sent.")
        endpoint = NewEndpoint(
            id=new_id(),
            owner_id=caller.owner_id,
            key_prefix=_key_of(caller),
            url=self._allowed(wanted.url),
            events=DEFAULT_EVENTS if wanted.events is None else wanted.events,
            secret=new_secret(),
        )
        made = self._insert(endpoint, is_on=wanted.enabled is not False, asked_by=asked_by)
        return ShownSecret(made, endpoint.secret)

    def list(self, owner_id: str) -> Sequence[EndpointRecord]:
        """The oldest first, whichever of the owner's keys they were made with."""
        with self._database.read() as transaction:
            return transaction.webhook_endpoints.list(owner_id)

    def get(self, endpoint_id: str, owner_id: str) -> EndpointRecord:
        """Raises `WebhookNotFound`, as all that follow."""
        with self._database.read() as transaction:
            return _existing(transaction, endpoint_id, owner_id)

    @again_after_deadlock
    def change(
        self, endpoint_id: str, caller: Caller, wanted: WebhookChange, asked_by: AskedBy
    ) -> EndpointRecord:
        """Raises `Forbidden`, `InvalidOption` or `UrlForbidden` too. Switched off, it forgets what waits;
        switched on, it hangs on the caller's key."""
        _require_no_token(caller)
        url = None if wanted.url is None else self._allowed(wanted.url)
        with self._database.write() as transaction:
            before = _held(transaction, endpoint_id, caller.owner_id)
            endpoints = transaction.webhook_endpoints
            endpoints.change(endpoint_id, url=url, events=wanted.events)
            if wanted.enabled is False and before.disabled_reason is None:
                endpoints.disable(endpoint_id, _BY_ITS_OWNER)
            elif wanted.enabled and not before.is_on:
                endpoints.enable(endpoint_id, key_prefix=_key_of(caller))
            self._write_down(transaction, AuditAction.WEBHOOK_CHANGED, endpoint_id, caller.owner_id, asked_by)
            return _existing(transaction, endpoint_id, caller.owner_id)

    @again_after_deadlock
    def delete(self, endpoint_id: str, owner_id: str, asked_by: AskedBy) -> None:
        with self._database.write() as transaction:
            _held(transaction, endpoint_id, owner_id)
            transaction.webhook_endpoints.delete(endpoint_id)
            self._write_down(transaction, AuditAction.WEBHOOK_DELETED, endpoint_id, owner_id, asked_by)

    @again_after_deadlock
    def rotate(self, endpoint_id: str, caller: Caller, asked_by: AskedBy) -> ShownSecret:
        """Another secret. For a day messages are signed with the one before as well. Raises `Forbidden` for
        who shows a token."""
        _require_no_token(caller)
        secret, owner_id = new_secret(), caller.owner_id
        with self._database.write() as transaction:
            _held(transaction, endpoint_id, owner_id)
            transaction.webhook_endpoints.rotate(endpoint_id, secret)
            self._write_down(transaction, AuditAction.WEBHOOK_ROTATED, endpoint_id, owner_id, asked_by)
            return ShownSecret(_existing(transaction, endpoint_id, owner_id), secret)

    @again_after_deadlock
    def test(self, endpoint_id: str, owner_id: str) -> str:
        """The id of a delivery that goes out at once, whatever the endpoint subscribes to. Raises
        `IllegalTransition` when it is off."""
        delivery_id = new_id()
        with self._database.write() as transaction:
            _require_on(_held(transaction, endpoint_id, owner_id))
            payload = message(WebhookEvent.TEST, transaction.now_ms(), {"webhook_id": endpoint_id})
            transaction.webhook_endpoints.hurry(endpoint_id)
            transaction.deliveries.add_test(delivery_id, endpoint_id, owner_id=owner_id, payload=payload)
        return delivery_id

    @again_after_deadlock
    def send_again(self, endpoint_id: str, delivery_id: str, owner_id: str) -> None:
        """Once more, now, under the same id. Raises `DeliveryNotFound`, and `IllegalTransition` when the
        endpoint is off."""
        with self._database.write() as transaction:
            _require_on(_held(transaction, endpoint_id, owner_id))
            transaction.webhook_endpoints.hurry(endpoint_id)
            if not transaction.deliveries.send_again(delivery_id, endpoint_id=endpoint_id):
                raise DeliveryNotFound

    def deliveries(
        self, endpoint_id: str, owner_id: str, *, cursor: str | None, limit: int
    ) -> tuple[Sequence[DeliveryRecord], str | None]:
        """A page of the log, the newest first, and the cursor of the next. Raises `InvalidCursor`."""
        pages_of = f"deliveries\n{endpoint_id}"
        with self._database.read() as transaction:
            _existing(transaction, endpoint_id, owner_id)
            below = None if cursor is None else _place_in(cursor, of=pages_of)
            found = transaction.deliveries.log_of(endpoint_id, below=below, limit=limit + 1)
        shown = found[:limit]
        if len(found) == len(shown):
            return shown, None
        return shown, cursor_to([shown[-1].created_at_ms, shown[-1].id], of=pages_of)

    @again_after_deadlock
    def _insert(self, endpoint: NewEndpoint, *, is_on: bool, asked_by: AskedBy) -> EndpointRecord:
        with self._database.write() as transaction:
            endpoints = transaction.webhook_endpoints
            endpoints.insert(endpoint)
            if not is_on:
                endpoints.disable(endpoint.id, _BY_ITS_OWNER)
            if endpoints.count_of(endpoint.owner_id) > MOST_OF_ONE_OWNER:
                raise TooManyWebhooks(f"An owner may have at most {MOST_OF_ONE_OWNER} webhooks.")
            owner_id = endpoint.owner_id
            self._write_down(transaction, AuditAction.WEBHOOK_CREATED, endpoint.id, owner_id, asked_by)
            return _existing(transaction, endpoint.id, owner_id)

    def _write_down(
        self,
        transaction: Transaction,
        action: AuditAction,
        endpoint_id: str,
        owner_id: str,
        asked_by: AskedBy,
    ) -> None:
        self._audit.write_in(
            transaction,
            action,
            owner_id=owner_id,
            actor=asked_by.actor,
            subject=f"webhook:{endpoint_id}",
            client=asked_by.client,
            correlation_id=asked_by.correlation_id,
        )

    def _allowed(self, url: str) -> str:
        """The address as it is kept and used."""
        target = self._read_target(url)
        if target.host == self._own_host:
            raise UrlForbidden("Events are not sent to this gateway itself.")
        return target.url


def _events(given: Sequence[Any]) -> tuple[str, ...]:
    known = [str(event) for event in SUBSCRIBABLE]
    if not given or any(event not in known for event in given):
        raise InvalidOption(f"events: one or more of {', '.join(known)}.")
    return tuple(event for event in known if event in given)


def _require_no_token(caller: Caller) -> None:
    if _key_of(caller) is None and caller.credential_id != ANONYMOUS:
        raise Forbidden("A webhook would go on when the token has expired: this needs a key.")


def _key_of(caller: Caller) -> str | None:
    """Of a session it is the key that it was opened with; anonymous callers have none."""
    kind, _, prefix = caller.credential_id.partition(":")
    return prefix if kind == "key" else None


def _existing(transaction: Transaction, endpoint_id: str, owner_id: str) -> EndpointRecord:
    found = transaction.webhook_endpoints.get(endpoint_id, owner_id=owner_id) if is_id(endpoint_id) else None
    if found is None:
        raise WebhookNotFound
    return found


def _held(transaction: Transaction, endpoint_id: str, owner_id: str) -> EndpointRecord:
    """Held before it is read, so that what is read is still so when it is changed."""
    if is_id(endpoint_id):
        transaction.webhook_endpoints.hold(endpoint_id)
    return _existing(transaction, endpoint_id, owner_id)


def _require_on(endpoint: EndpointRecord) -> None:
    if not endpoint.is_on:
        raise IllegalTransition("This webhook is off: nothing is sent to it.")


def _place_in(cursor: str, *, of: str) -> tuple[int, str]:
    match place_in(cursor, of=of):
        case [int() as at_ms, str() as delivery_id] if 0 <= at_ms < _LATEST_MS and is_id(delivery_id):
            return at_ms, delivery_id
    raise InvalidCursor
