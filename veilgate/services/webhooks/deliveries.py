"""Sending what is in the outbox: many endpoints side by side, a few messages at a time to each.

Every endpoint that something waits for has a line, which is a task: slow ones wait in their own. Redis says
when to look, and the database, asked every half second, what there is; so nothing depends on Redis.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from veilgate.domain.errors import VeilgateError
from veilgate.domain.webhooks import STRIKES, signature
from veilgate.lookups.safe_fetch import FetchPatience, PostAnswer
from veilgate.persistence.delivery_repository import DueDelivery, Receiver
from veilgate.services.webhooks.delivery_book import LEASE_MS, DeliveryBook, Line, Sent, log_sent, who_hears
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import WEBHOOK_MESSAGES, WEBHOOK_SECONDS

P = ParamSpec("P")
R = TypeVar("R")

_log = get_logger(__name__)
AT_ONCE = STRIKES
MOST_LINES = 256
# So long a line goes on while another endpoint waits for one: whose messages never end must not keep it.
_TURN_S = 5.0
_POLL_S = 0.5
_ANNOUNCE_S = 1.0
# Redis tells of every stage of every picture, be there webhooks or not.
_CALM_S, _BUSY_S = 0.1, 0.02
_PATIENCE = FetchPatience(connect_s=5.0, between_bytes_s=10.0, total_s=10.0)
# Of the lease before a send: its own time, and that of writing down what came of it.
_NEEDED_S = _PATIENCE.total_s + 4.0
_LONGEST_WAIT_S = LEASE_MS / 1000 - _NEEDED_S
_DATABASE_PAUSE_S = 0.5
_DATABASE_THREADS = 4
_LONGEST_NUMBER = 9


class Post(Protocol):
    """As `SafeFetch.post`."""

    def __call__(
        self, url: str, *, headers: Mapping[str, str], body: bytes, patience: FetchPatience
    ) -> Awaitable[PostAnswer]: ...


class Deliveries:
    """`announce` is called every second. What is under way when `stop` is called is sent to its end."""

    def __init__(self, book: DeliveryBook, post: Post, *, announce: Callable[[], None]) -> None:
        self._book = book
        self._post = post
        self._announce = announce
        self._lines: dict[str, asyncio.Task[None]] = {}
        # Endpoints that wait for a line, in the order in which they were found to.
        self._queue: list[str] = []
        self._threads = ThreadPoolExecutor(_DATABASE_THREADS, "database")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waker = asyncio.Event()
        self._stopping = False

    @property
    def is_busy(self) -> bool:
        """Whether anything is being sent or written down."""
        return bool(self._lines)

    def wake(self) -> None:
        """From any thread: something may be waiting."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._waker.set)

    def stop(self) -> None:
        """From any thread, or from within a signal's handler: it takes no lock."""
        self._stopping = True

    async def run(self) -> None:
        """Until it is stopped."""
        self._loop = asyncio.get_running_loop()
        announcing = asyncio.create_task(self._keep_announcing())
        while not self._stopping:
            await self._look()
            await self._rest()
        announcing.cancel()
        await asyncio.gather(*self._lines.values(), announcing, return_exceptions=True)
        self._threads.shutdown()

    async def _keep_announcing(self) -> None:
        """Beside all else: a Redis that does not answer takes seconds."""
        while True:
            await asyncio.to_thread(self._announce)
            await asyncio.sleep(_ANNOUNCE_S)

    async def _look(self) -> None:
        """Begin a line for each endpoint that has none, as far as there is room."""
        try:
            waited_for = await self._in_thread(self._book.waited_for)
        except VeilgateError as error:
            _log.warning("deliveries.interrupted", error=error.code)
            return
        waiting = dict.fromkeys(one for one in waited_for if one not in self._lines)
        still = [one for one in self._queue if one in waiting]
        queue = list(dict.fromkeys([*still, *waiting]))
        room = MOST_LINES - len(self._lines)
        for endpoint_id in queue[:room]:
            self._lines[endpoint_id] = asyncio.create_task(self._serve(endpoint_id))
        self._queue = queue[room:]

    async def _rest(self) -> None:
        await asyncio.sleep(_BUSY_S if self._lines else _CALM_S)
        try:
            await asyncio.wait_for(self._waker.wait(), _POLL_S)
        except TimeoutError:
            return
        self._waker.clear()

    async def _serve(self, endpoint_id: str) -> None:
        try:
            await self._serve_line(endpoint_id)
        except VeilgateError as error:
            # What was heard and not written down is sent once more: by us as soon as we look again, by others
            # when our lease has run out.
            _log.warning("deliveries.line_interrupted", endpoint_id=endpoint_id, error=error.code)
        except Exception:  # noqa: BLE001 - the others go on, and this one when somebody looks again
            _log.exception("deliveries.line_failed", endpoint_id=endpoint_id)
        finally:
            del self._lines[endpoint_id]

    async def _serve_line(self, endpoint_id: str) -> None:
        under_way: dict[asyncio.Task[Sent], str] = {}
        held_from_s = time.monotonic()
        line = await self._in_thread(self._book.open, endpoint_id, limit=AT_ONCE)
        began_s = time.monotonic()
        while True:
            if line and self._goes_on(began_s):
                self._begin(line, under_way)
            if not under_way:
                break
            left_s = held_from_s + _LONGEST_WAIT_S - time.monotonic()
            done, _ = await asyncio.wait(
                under_way, timeout=max(0.0, left_s), return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                del under_way[task]
            held_from_s = time.monotonic()
            line = await self._write(endpoint_id, [task.result() for task in done], under_way)
        if line:
            await self._in_thread(self._book.release, endpoint_id)

    def _goes_on(self, began_s: float) -> bool:
        """Whether a line that began then may begin more."""
        is_over = time.monotonic() - began_s >= _TURN_S
        return not self._stopping and not (is_over and self._queue)

    def _begin(self, line: Line, under_way: dict[asyncio.Task[Sent], str]) -> None:
        # So that no more than these have failed when it is given a rest. One that is down is then asked by a
        # single message whether it still is.
        places = max(1, STRIKES - line.receiver.failures)
        for delivery in line.deliveries[: max(0, places - len(under_way))]:
            under_way[asyncio.create_task(self._send(line.receiver, delivery))] = delivery.id

    async def _write(
        self, endpoint_id: str, sent: list[Sent], under_way: dict[asyncio.Task[Sent], str]
    ) -> Line | None:
        """As long as the lease holds, a database that is away is waited for."""
        give_up_s = time.monotonic() + _NEEDED_S
        ids = frozenset(under_way.values())
        while True:
            try:
                return await self._in_thread(
                    self._book.write, endpoint_id, sent, limit=AT_ONCE, under_way=ids
                )
            except VeilgateError:
                if time.monotonic() > give_up_s:
                    raise
                await asyncio.sleep(_DATABASE_PAUSE_S)

    async def _send(self, receiver: Receiver, delivery: DueDelivery) -> Sent:
        began_s, answer, trouble = time.monotonic(), None, None
        try:
            answer = await self._post(
                receiver.url,
                headers=_headers(receiver, delivery),
                body=delivery.payload.encode(),
                patience=_PATIENCE,
            )
        except VeilgateError as error:
            trouble = error.message
        except Exception:  # noqa: BLE001 - as a failure it is tried later; unnoticed it would be at once
            _log.exception("delivery.broke", endpoint_id=receiver.id, **who_hears(delivery))
            trouble = "It could not be sent."
        failpoint("webhook_sent")
        took_ms = round((time.monotonic() - began_s) * 1000)
        status = answer.status if answer else None
        asked_s = _seconds(answer.headers.get("retry-after", "")) if answer else None
        sent = Sent(delivery, receiver.url, took_ms, status, trouble, asked_s)
        WEBHOOK_MESSAGES.labels(sent.ended_as).inc()
        WEBHOOK_SECONDS.observe(took_ms / 1000)
        log_sent(sent, receiver)
        return sent

    async def _in_thread(self, ask: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(ask, *args, **kwargs))


def _headers(receiver: Receiver, delivery: DueDelivery) -> dict[str, str]:
    timestamp_s = int(time.time())
    signers = [receiver.secret] + ([receiver.previous_secret] if receiver.previous_secret else [])
    signed = signature(signers, delivery.id, timestamp_s, delivery.payload.encode())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signed,
    }
    if delivery.correlation_id:
        headers["X-Correlation-ID"] = delivery.correlation_id
    return headers


def _seconds(retry_after: str) -> int | None:
    """Only numbers of seconds are understood: dates are told by clocks that we do not know."""
    is_number = retry_after.isascii() and retry_after.isdigit()
    return int(retry_after[:_LONGEST_NUMBER]) if is_number else None
