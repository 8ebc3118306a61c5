"""Who may call what: one row for each route. A route without a row cannot be made."""

from enum import StrEnum
from types import MappingProxyType

from veilgate.domain.access import Scope


class Door(StrEnum):
    """What stands before a route that no scope is needed for."""

    OPEN = "open"  # nobody looks
    GREETED = "greeted"  # everybody is let in; who can be told apart hears more
    KNOWN = "known"  # every caller who is somebody


Needs = Scope | Door

NEEDS = MappingProxyType[tuple[str, str], Needs](
    {
        ("POST", "/upload"): Scope.UPLOAD,
        ("POST", "/upload-url"): Scope.UPLOAD,
        ("POST", "/classify"): Scope.UPLOAD,
        ("POST", "/batch-upload"): Scope.UPLOAD,
        ("POST", "/uploads"): Scope.UPLOAD,
        ("POST", "/uploads/{upload_id}/complete"): Scope.UPLOAD,
        ("POST", "/images/{image_id}/redo"): Scope.UPLOAD,
        ("POST", "/images/{image_id}/lookup"): Scope.UPLOAD,
        ("POST", "/jobs/{job_id}/cancel"): Scope.UPLOAD,
        ("POST", "/jobs/{job_id}/retry"): Scope.UPLOAD,
        ("GET", "/status/{job_id}"): Scope.READ,
        ("GET", "/jobs/{job_id}/events"): Scope.READ,
        ("GET", "/batches/{batch_id}"): Scope.READ,
        ("GET", "/images"): Scope.READ,
        ("GET", "/images/{image_id}"): Scope.READ,
        ("PATCH", "/images/{image_id}"): Scope.UPLOAD,
        ("GET", "/images/{image_id}/processed"): Scope.READ,
        ("HEAD", "/images/{image_id}/processed"): Scope.READ,
        ("GET", "/images/{image_id}/thumbnail"): Scope.READ,
        ("HEAD", "/images/{image_id}/thumbnail"): Scope.READ,
        ("GET", "/images/{image_id}/original"): Scope.ORIGINALS,
        ("HEAD", "/images/{image_id}/original"): Scope.ORIGINALS,
        ("GET", "/images/{image_id}/similar"): Scope.READ,
        ("POST", "/search"): Scope.READ,
        ("GET", "/search"): Scope.READ,
        ("GET", "/duplicates"): Scope.READ,
        ("DELETE", "/images/{image_id}"): Scope.ERASE,
        # The address itself is the key, and one that is good for minutes.
        ("GET", "/shared/{token}"): Door.OPEN,
        ("HEAD", "/shared/{token}"): Door.OPEN,
        ("POST", "/webhooks"): Scope.WEBHOOKS,
        ("GET", "/webhooks"): Scope.WEBHOOKS,
        ("GET", "/webhooks/{webhook_id}"): Scope.WEBHOOKS,
        ("PATCH", "/webhooks/{webhook_id}"): Scope.WEBHOOKS,
        ("DELETE", "/webhooks/{webhook_id}"): Scope.WEBHOOKS,
        ("POST", "/webhooks/{webhook_id}/rotate"): Scope.WEBHOOKS,
        ("POST", "/webhooks/{webhook_id}/test"): Scope.WEBHOOKS,
        ("GET", "/webhooks/{webhook_id}/deliveries"): Scope.WEBHOOKS,
        ("POST", "/webhooks/{webhook_id}/deliveries/{delivery_id}/retry"): Scope.WEBHOOKS,
        ("GET", "/stats"): Scope.ADMIN,
        ("GET", "/queue-status"): Scope.ADMIN,
        ("GET", "/health"): Door.GREETED,
        ("GET", "/ready"): Door.OPEN,
        # It takes the key that it turns into a session.
        ("POST", "/session"): Door.OPEN,
        ("GET", "/session"): Door.KNOWN,
        ("DELETE", "/session"): Door.KNOWN,
        ("GET", "/"): Door.OPEN,
        ("GET", "/page/app.js"): Door.OPEN,
        ("GET", "/page/cards.js"): Door.OPEN,
        ("GET", "/page/classify.js"): Door.OPEN,
        ("GET", "/page/insist.js"): Door.OPEN,
        ("GET", "/page/steps.js"): Door.OPEN,
        ("GET", "/page/style.css"): Door.OPEN,
        ("GET", "/page/icon.svg"): Door.OPEN,
        ("GET", "/docs"): Door.OPEN,
        ("GET", "/docs/"): Door.OPEN,
        ("GET", "/docs/start.js"): Door.OPEN,
        ("GET", "/openapi.json"): Door.KNOWN,
    }
)


def needs_of(path: str, methods: set[str]) -> Needs:
    """What a route needs. Raises `TypeError` for one that nobody has thought about."""
    rows = {NEEDS.get((method, path)) for method in methods}
    if len(rows) != 1 or None in rows:
        raise TypeError(f"{path}: who may call it? It needs one row in veilgate/api/access.py")
    (needs,) = rows
    assert needs
    return needs
