"""Watching a job: the long poll, and its events as Server-Sent Events."""

import json
import time
from collections.abc import AsyncIterator

from fastapi.concurrency import run_in_threadpool

from veilgate.api.callers import Guest
from veilgate.api.container import Container
from veilgate.api.wake_hub import wait_for_news
from veilgate.domain.errors import JobNotFound, Unauthorized
from veilgate.domain.jobs import TERMINAL
from veilgate.persistence.records import EventRecord

# A wake-up lost with Redis delays news by this much at most.
_LOOK_AGAIN_S = 2.0
_HEARTBEAT_S = 15.0
_LONGEST_SEQ = 9


async def wait_for_end(parts: Container, job_id: str, guest: Guest, *, wait_s: float) -> bytes:
    """The job's status as soon as it has ended, or as it stands when the time is up or the gateway stops.
    Raises `Unauthorized` when the guest's key or session ends meanwhile."""
    give_up_s = time.monotonic() + wait_s
    with parts.hub.watch(job_id) as news:
        while True:
            news.clear()
            answer = await run_in_threadpool(parts.queries.status, job_id, guest.caller.owner_id)
            left_s = give_up_s - time.monotonic()
            if answer.status in TERMINAL or left_s <= 0 or parts.hub.is_closed:
                return answer.document
            await wait_for_news(news, min(left_s, _LOOK_AGAIN_S))
            if not await parts.door.callers.is_still_good(guest):
                raise Unauthorized


async def event_lines(parts: Container, job_id: str, guest: Guest, *, after: int) -> AsyncIterator[str]:
    """All events with a higher number, then new ones as they are written, until the job, the gateway or the
    guest's key or session ends."""
    seq, quiet_since_s = after, time.monotonic()
    with parts.hub.watch(job_id) as news:
        while True:
            news.clear()
            try:
                events, is_last = await run_in_threadpool(
                    parts.queries.events_after, job_id, guest.caller.owner_id, seq
                )
            except JobNotFound:  # erased while we watched
                return
            for event in events:
                seq = event.seq
                yield _sse(job_id, event)
            if is_last or parts.hub.is_closed:
                return
            if events:
                quiet_since_s = time.monotonic()
            elif time.monotonic() - quiet_since_s >= _HEARTBEAT_S:
                yield ": still here\n\n"
                quiet_since_s = time.monotonic()
            await wait_for_news(news, _LOOK_AGAIN_S)
            if not await parts.door.callers.is_still_good(guest):
                return


def resume_point(last_event_id: str | None, after: int | None) -> int:
    """The number after which to go on; what cannot be a number of ours starts from the beginning."""
    if last_event_id is None:
        return after or 0
    # The length first: Python refuses to read a number of more than 4,300 digits.
    return int(last_event_id) if len(last_event_id) <= _LONGEST_SEQ and last_event_id.isdecimal() else 0


def _sse(job_id: str, event: EventRecord) -> str:
    body = {
        "job_id": job_id,
        "seq": event.seq,
        "attempt": event.attempt,
        "stage": event.stage,
        "outcome": event.outcome,
        "ms": event.took_ms,
        "model": event.model,
        "at": event.created_at_ms / 1000,
        "data": json.loads(event.payload),
    }
    return f"id: {event.seq}\ndata: {json.dumps(body)}\n\n"
