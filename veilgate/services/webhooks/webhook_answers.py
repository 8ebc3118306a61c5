"""What callers are told of webhooks and of what was sent to them."""

from typing import Any

from veilgate.domain.webhooks import KEY_ENDED, DeliveryStatus
from veilgate.persistence.delivery_repository import DeliveryRecord
from veilgate.persistence.webhook_endpoint_repository import EndpointRecord


def described(endpoint: EndpointRecord) -> dict[str, Any]:
    """Without its secrets."""
    return {
        "webhook_id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "enabled": endpoint.is_on,
        "disabled_reason": endpoint.disabled_reason or (None if endpoint.is_on else KEY_ENDED),
        "key": endpoint.key_prefix,
        "failures": endpoint.failures,
        "paused_until": _seconds(endpoint.paused_until_ms or None),
        "previous_secret_until": _seconds(endpoint.previous_until_ms),
        "created_at": endpoint.created_at_ms // 1000,
        "updated_at": endpoint.updated_at_ms // 1000,
    }


def logged(delivery: DeliveryRecord) -> dict[str, Any]:
    """One line of the log."""
    waits = delivery.status == DeliveryStatus.PENDING
    return {
        "delivery_id": delivery.id,
        "event": delivery.event,
        "job_id": delivery.job_id,
        "image_id": delivery.image_id,
        "seq": delivery.seq,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "last_took_ms": delivery.last_took_ms,
        "created_at": delivery.created_at_ms // 1000,
        "next_try_at": delivery.not_before_ms // 1000 if waits else None,
        "finished_at": _seconds(delivery.finished_at_ms),
    }


def _seconds(at_ms: int | None) -> int | None:
    return None if at_ms is None else at_ms // 1000
