"""Watching a job: the long poll, and its events as Server-Sent Events."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from veilgate.api.callers import Guest
from veilgate.api.container import Container
from veilgate.api.event_watch import Watcher
from veilgate.domain.errors import JobNotFound, Unauthorized, Unavailable
from veilgate.domain.jobs import TERMINAL
from veilgate.persistence.records import EventRecord
from veilgate.services.jobs.job_events import EventPage

Answer = TypeVar("Answer")
# Whoever is let in by a key that has ended since is sent away within this time.
_KEY_ASKED_S = 2.0
HEARTBEAT_S = 15.0
# Between one question to a database that is away and the next.
_ASK_AGAIN_S = 1.0
_LONGEST_SEQ = 9


async def wait_for_end(parts: Container, job_id: str, guest: Guest, *, wait_s: float) -> bytes:
    """The job's status as soon as it has ended, or as it stands when the time is up or the gateway stops.
    Raises `Unauthorized` when the guest's key or session ends meanwhile."""
    give_up_s = time.monotonic() + wait_s
    answer = await asyncio.to_thread(parts.queries.status, job_id, guest.caller.owner_id)
    if answer.status in TERMINAL or parts.hub.is_closed:
        return answer.document
    with parts.watch.watching(job_id) as watcher:
        while (left_s := give_up_s - time.monotonic()) > 0:
            watcher.forget_news()
            if watcher.job.has_ended or parts.hub.is_closed:
                break
            await watcher.wait(min(left_s, _KEY_ASKED_S))
            if not await parts.door.callers.is_still_good(guest):
                raise Unauthorized
    return (await asyncio.to_thread(parts.queries.status, job_id, guest.caller.owner_id)).document


async def follow(parts: Container, page: EventPage, guest: Guest) -> AsyncGenerator[EventRecord | None]:
    """The events of the page, then those behind them as they are written, until the job, the gateway or the
    guest's key or session ends. None is a heartbeat: nothing has come for 15 s.

    Four numbers say where things are. Of a job with 40 events, read from 10 on: `page.after` is 10, where
    the page began; `page.last_seq` 26, where it ends; `seq` the event that was told last, 26 and more; and
    `watcher.job.seq` 40, the newest that the last look saw, or None before the first look.
    """
    for event in page.events:
        yield event
    if page.is_last:
        return
    seq, quiet_since_s = page.last_seq, time.monotonic()
    with parts.watch.watching(page.standing.job_id) as watcher:
        while True:
            watcher.forget_news()
            events = await _behind(parts, watcher, page, owner_id=guest.caller.owner_id, seq=seq)
            for event in events:
                seq = event.seq
                yield event
                quiet_since_s = time.monotonic()
            if watcher.job.is_over_after(seq) or parts.hub.is_closed:
                return
            if events:
                continue
            if (left_s := quiet_since_s + HEARTBEAT_S - time.monotonic()) <= 0:
                yield None
                quiet_since_s, left_s = time.monotonic(), HEARTBEAT_S
            await watcher.wait(min(left_s, _KEY_ASKED_S))
            if not await parts.door.callers.is_still_good(guest):
                return


async def insist(
    parts: Container, guest: Guest, question: Callable[[], Answer]
) -> AsyncGenerator[Answer | None]:
    """What the database answers, as soon as it does; None before it is a heartbeat, as `follow` has them.
    Without an answer the gateway or the guest's key or session has ended."""
    quiet_since_s = time.monotonic()
    while not parts.hub.is_closed and await parts.door.callers.is_still_good(guest):
        try:
            answer = await asyncio.to_thread(question)
        except Unavailable:
            await asyncio.sleep(_ASK_AGAIN_S)
        else:
            yield answer
            return
        if time.monotonic() - quiet_since_s >= HEARTBEAT_S:
            yield None
            quiet_since_s = time.monotonic()


async def _behind(
    parts: Container, watcher: Watcher, page: EventPage, *, owner_id: str, seq: int
) -> Sequence[EventRecord]:
    """The events behind this one: from what the last look brought, else a page. None while they cannot be
    read, and of a job that is gone."""
    if (known := watcher.job.events_after(seq)) is not None:
        return known
    try:
        return (await asyncio.to_thread(parts.events.page, page.standing.job_id, owner_id, seq)).events
    except (JobNotFound, Unavailable):
        return ()


async def sse(events: AsyncGenerator[EventRecord | None], job_id: str) -> AsyncGenerator[bytes]:
    """As Server-Sent Events, each with its number for its id."""
    async with aclosing(events) as following:
        async for event in following:
            yield _sse(job_id, event) if event else b": still here\n\n"


def resume_point(last_event_id: str | None, after: int | None) -> int:
    """The number after which to go on; what cannot be a number of ours starts from the beginning."""
    if last_event_id is None:
        return after or 0
    # The length first: Python refuses to read a number of more than 4,300 digits.
    return int(last_event_id) if len(last_event_id) <= _LONGEST_SEQ and last_event_id.isdecimal() else 0


def _sse(job_id: str, event: EventRecord) -> bytes:
    """What was stored as JSON is put in as it is, without being read."""
    told = {
        "job_id": job_id,
        "seq": event.seq,
        "attempt": event.attempt,
        "stage": event.stage,
        "outcome": event.outcome,
        "ms": event.took_ms,
        "model": event.model,
        "at": event.created_at_ms / 1000,
    }
    return f'id: {event.seq}\ndata: {json.dumps(told)[:-1]}, "data": {event.payload}}}\n\n'.encode()
