"""Webhooks: which events there are, how a message is signed, and when one is sent again.

Messages and signatures are those of Standard Webhooks, so that receivers can use what is there for it.

How long what waits, and what ends it:

    retry    one message    after each of its failures, longer each time (`retry_ms`); others go on
    pause    an endpoint    asked for by the Retry-After of a failure: nothing is sent to it (`pause_ms`)
    rest     an endpoint    a pause after STRIKES failures in a row, longer each time
    probe    an endpoint    the one message that goes out when a rest is over: taken, all that waits follows
                            at once; refused, the next rest begins
    give up  one message    when it is as old as WEBHOOK_GIVE_UP_HOURS, and for no other reason
    off      an endpoint    at 410, by its owner, or with its key; what waits is dropped

A wait that would reach beyond the age at which a message is given up is cut, so that one more try comes
before. Who sends a message again by hand gets one try of it whatever its age.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from veilgate.domain.jobs import JobStatus

_MARK = "whsec_"
_SECRET_BYTES = 32
SECOND_MS, HOUR_MS = 1000, 3_600_000
# How long the secret before still signs after a new one was made.
OVERLAP_MS = 24 * HOUR_MS
# After the first failure, the second …; from the last on always that.
_DELAYS_S = (5, 30, 120, 600, 1800, 3600, 7200, 14_400)
# What an endpoint may ask for by Retry-After.
_LONGEST_DELAY_S = _DELAYS_S[-1]
# So long before it is given up a message is tried for the last time: time to look, and to wait for an answer.
_LAST_TRY_MS = 30 * SECOND_MS
# A rest is not cut below that: where messages come all the time there is always one that is soon given up.
_CUT_TO_MS = 600 * SECOND_MS
# Tries of different deliveries: as many as are sent at once.
STRIKES = 4
GONE = 410
KEY_ENDED = "The key that it was made with is no good any more."


class WebhookEvent(StrEnum):
    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_RETRIED = "job.retried"  # it waits again, be it by its owner's wish or after a failure
    STAGE_ENDED = "stage.ended"
    IMAGE_ERASED = "image.erased"
    TEST = "webhook.test"  # nobody subscribes to it; who asks for one gets it


SUBSCRIBABLE = tuple(event for event in WebhookEvent if event is not WebhookEvent.TEST)
DEFAULT_EVENTS = (
    WebhookEvent.JOB_COMPLETED,
    WebhookEvent.JOB_FAILED,
    WebhookEvent.JOB_CANCELLED,
    WebhookEvent.IMAGE_ERASED,
)
_OF_JOBS = {
    JobStatus.COMPLETED: WebhookEvent.JOB_COMPLETED,
    JobStatus.FAILED: WebhookEvent.JOB_FAILED,
    JobStatus.CANCELLED: WebhookEvent.JOB_CANCELLED,
    JobStatus.SUBMITTED: WebhookEvent.JOB_RETRIED,
}


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    DROPPED = "dropped"  # its endpoint was switched off before


def event_of(stage: str, outcome: str) -> WebhookEvent:
    """What a job's event, which is not its first, is to subscribers."""
    return _OF_JOBS[JobStatus(outcome)] if stage == "job" else WebhookEvent.STAGE_ENDED


def message(event: WebhookEvent, at_ms: int, data: Mapping[str, Any]) -> str:
    """The body of a delivery. It is stored and sent as it is here."""
    at = datetime.fromtimestamp(at_ms / SECOND_MS, UTC).isoformat(timespec="milliseconds")
    timestamp = at.replace("+00:00", "Z")
    return json.dumps({"type": event, "timestamp": timestamp, "data": data}, separators=(",", ":"))


def new_secret() -> str:
    return _MARK + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(signers: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature for each secret, with a space between."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    digests = [hmac.digest(_key_in(secret), signed, sha256) for secret in signers]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _key_in(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_MARK))


def delay_ms(failures: int, *, jitter: float, asked_s: int | None = None) -> int:
    """How long to wait after that many failures in a row, at least as long as the endpoint asked for if that
    is within bounds. `jitter` from 0 to 1 adds up to a fifth, so that not all come back at once."""
    scheduled_s = _DELAYS_S[min(failures, len(_DELAYS_S)) - 1]
    wished_s = min(asked_s or 0, _LONGEST_DELAY_S)
    return round(max(scheduled_s, wished_s) * (1 + jitter / 5) * SECOND_MS)


def retry_ms(failures: int, *, left_ms: int, jitter: float, asked_s: int | None = None) -> int | None:
    """When to try a message again that has so much time left; None when there is no time for it."""
    until_last_ms = left_ms - _LAST_TRY_MS
    wait_ms = min(delay_ms(failures, jitter=jitter, asked_s=asked_s), until_last_ms)
    return wait_ms if until_last_ms >= _DELAYS_S[0] * SECOND_MS else None


def pause_ms(failures: int, *, jitter: float, asked_s: int | None = None) -> int:
    """How long nothing at all is sent to an endpoint at which that many sends have failed in a row: a single
    message that it cannot take must not hold up the others, and one that is down must not be hammered."""
    strikes = failures - STRIKES + 1
    if strikes > 0:
        return delay_ms(strikes, jitter=jitter, asked_s=asked_s)
    return min(asked_s or 0, _LONGEST_DELAY_S) * SECOND_MS


def cut_pause_ms(pause_ms: int, *, left_ms: int) -> int:
    """That pause, cut so that the oldest message that waits, which has so much time left, is not given up in
    it."""
    return min(pause_ms, max(left_ms - _LAST_TRY_MS, _CUT_TO_MS))
