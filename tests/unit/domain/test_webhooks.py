"""Webhooks: the signature as receivers reckon it, and when a message is sent again."""

import base64
import json

import pytest

from veilgate.domain.jobs import JobStatus
from veilgate.domain.webhooks import (
    STRIKES,
    WebhookEvent,
    cut_pause_ms,
    delay_ms,
    event_of,
    message,
    new_secret,
    pause_ms,
    retry_ms,
    signature,
)

HOUR_MS = 3_600_000


def test_the_signature_of_the_specification() -> None:
    """Its secret, message and result, which every library for it is tested with."""
    signed = signature(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_sign_side_by_side() -> None:
    old, new = new_secret(), new_secret()
    both = signature([new, old], "id", 1, b"{}").split(" ")
    assert both == [signature([one], "id", 1, b"{}") for one in (new, old)]


def test_a_secret_is_32_bytes_and_never_the_same() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


def test_a_message_says_when_in_utc() -> None:
    told = json.loads(message(WebhookEvent.JOB_COMPLETED, 1_700_000_000_123, {"seq": 2}))
    assert told == {
        "type": "job.completed",
        "timestamp": "2023-11-14T22:13:20.123Z",
        "data": {"seq": 2},
    }


@pytest.mark.parametrize(
    ("stage", "outcome", "event"),
    [
        ("job", JobStatus.COMPLETED, WebhookEvent.JOB_COMPLETED),
        ("job", JobStatus.FAILED, WebhookEvent.JOB_FAILED),
        ("job", JobStatus.CANCELLED, WebhookEvent.JOB_CANCELLED),
        ("job", JobStatus.SUBMITTED, WebhookEvent.JOB_RETRIED),
        ("find_faces", "failed", WebhookEvent.STAGE_ENDED),
    ],
)
def test_what_happened_to_a_job(stage: str, outcome: str, event: WebhookEvent) -> None:
    assert event_of(stage, outcome) is event


def test_later_and_later() -> None:
    delays = [delay_ms(failures, jitter=0) // 1000 for failures in range(1, 11)]
    assert delays == [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 14_400, 14_400]
    assert delay_ms(1, jitter=1) == 6000


def test_an_endpoint_may_ask_for_more_time_within_bounds() -> None:
    assert delay_ms(1, jitter=0, asked_s=60) == 60_000
    assert delay_ms(2, jitter=0, asked_s=1) == 30_000
    assert delay_ms(1, jitter=0, asked_s=10**9) == 4 * HOUR_MS


def test_a_rest_begins_when_as_many_have_failed_as_are_sent_at_once() -> None:
    assert [pause_ms(failures, jitter=0) for failures in range(STRIKES)] == [0] * STRIKES
    assert pause_ms(STRIKES, jitter=0) == 5_000
    assert pause_ms(STRIKES + 1, jitter=0) == 30_000
    assert pause_ms(1, jitter=0, asked_s=7) == 7_000


def test_the_last_try_comes_before_the_time_is_over() -> None:
    assert retry_ms(8, left_ms=24 * HOUR_MS, jitter=0) == 4 * HOUR_MS
    assert retry_ms(8, left_ms=HOUR_MS, jitter=0, asked_s=7200) == HOUR_MS - 30_000
    assert retry_ms(1, left_ms=35_000, jitter=1) == 5_000
    assert retry_ms(1, left_ms=34_999, jitter=0) is None
    assert retry_ms(1, left_ms=-HOUR_MS, jitter=0) is None


def test_a_rest_ends_before_the_time_of_what_waits_is_over() -> None:
    assert cut_pause_ms(4 * HOUR_MS, left_ms=HOUR_MS) == HOUR_MS - 30_000
    assert cut_pause_ms(5_000, left_ms=HOUR_MS) == 5_000
    assert cut_pause_ms(4 * HOUR_MS, left_ms=-1) == 600_000, "one that is down is not hammered"
