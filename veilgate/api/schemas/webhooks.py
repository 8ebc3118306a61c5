"""The shapes of requests and answers about webhooks, as /docs shows them."""

from typing import Any, Literal

from pydantic import BaseModel

from veilgate.domain.fetch_targets import LONGEST_URL
from veilgate.domain.webhooks import DEFAULT_EVENTS, SUBSCRIBABLE

_MEMBERS: dict[str, Any] = {
    "url": {
        "type": "string",
        "format": "uri",
        "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://",
        "maxLength": LONGEST_URL,
        "description": "Where events are sent: a public machine, by https or http and their usual ports.",
    },
    "events": {
        "type": "array",
        "items": {"type": "string", "enum": [str(event) for event in SUBSCRIBABLE]},
        "minItems": 1,
        "description": f"Which events; without it {', '.join(DEFAULT_EVENTS)}.",
    },
    "enabled": {"type": "boolean", "description": "With `false` nothing is sent, nor kept to be sent later."},
}
NEW_WEBHOOK = {
    "type": "object",
    "required": ["url"],
    "properties": _MEMBERS,
    "additionalProperties": False,
}
CHANGED_WEBHOOK = {"type": "object", "properties": _MEMBERS, "additionalProperties": False}


class WebhookAnswer(BaseModel):
    """`key` is the prefix of the key that it hangs on. `failures`: how many sends failed since one was taken;
    nothing is sent before `paused_until` then. Until `previous_secret_until` two secrets sign."""

    webhook_id: str
    url: str
    events: list[str]
    enabled: bool
    disabled_reason: str | None
    key: str | None
    failures: int
    paused_until: int | None
    previous_secret_until: int | None
    created_at: int
    updated_at: int


class WebhookWithSecret(WebhookAnswer):
    """`secret` is shown this once."""

    secret: str


class WebhooksAnswer(BaseModel):
    webhooks: list[WebhookAnswer]


class Delivery(BaseModel):
    """`next_try_at` is there while it waits, the `last_…` once it was tried."""

    delivery_id: str
    event: str
    job_id: str | None
    image_id: str | None
    seq: int
    status: Literal["pending", "delivered", "given_up", "dropped"]
    attempts: int
    last_status: int | None
    last_error: str | None
    last_took_ms: int | None
    created_at: int
    next_try_at: int | None
    finished_at: int | None


class DeliveriesAnswer(BaseModel):
    """The newest first. `next` is the cursor of the following page, or null."""

    deliveries: list[Delivery]
    next: str | None


class DeliveryQueued(BaseModel):
    delivery_id: str
