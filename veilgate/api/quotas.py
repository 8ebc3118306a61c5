"""How much each caller may ask for: requests, bytes, open streams, and failed logins.

Redis counts for all gateways together. When it is away each gateway goes on with what it admitted itself and
the same numbers, so that nobody is refused for that, and nobody gets more than the quota from each.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from limits import RateLimitItemPerSecond

from veilgate.api.local_counts import LocalCounts, Verdict
from veilgate.api.redis_counts import RedisCounts
from veilgate.domain.errors import RateLimited
from veilgate.domain.rejections import RequestTooLarge

# A stream says so long that it lives; those of a gateway that was killed count no longer than this.
STREAM_LEASE_S = 30.0
# When a stream ends nobody knows.
_STREAM_RETRY_S = 5


@dataclass(frozen=True, slots=True)
class Allowances:
    """How much each subject may ask for in a window; 0 = any amount. The windows are for tests."""

    requests: int = 0
    bytes: int = 0
    streams: int = 0
    failed_logins: int = 20
    requests_window_s: int = 60
    bytes_window_s: int = 3600
    failed_logins_window_s: int = 60
    stream_lease_s: float = STREAM_LEASE_S


class Quotas:
    """Made by the root, used on the event loop alone. In any window no more than the quota is let through by
    all gateways together; who is refused is told after how many whole seconds it would be admitted."""

    def __init__(self, redis_url: str, allowances: Allowances) -> None:
        self._redis = RedisCounts(redis_url)
        self._local = LocalCounts()
        # Apart, or strangers with made-up addresses would push the keys out of it.
        self._local_logins = LocalCounts()
        self._allowed = allowances
        self._requests = _item("requests", allowances.requests, allowances.requests_window_s)
        self._bytes = _item("bytes", allowances.bytes, allowances.bytes_window_s)
        self._logins = _item("logins", allowances.failed_logins, allowances.failed_logins_window_s)
        self._open_streams: Counter[str] = Counter()
        self._keepers: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """After the last stream has ended."""
        await asyncio.gather(*self._keepers)
        await self._redis.close()

    async def admit_request(self, subject: str) -> None:
        """Raises `RateLimited`. One round trip to Redis."""
        if self._requests.amount:
            _require(await self._take(self._requests, subject, 1), "requests")

    async def admit_bytes(self, subject: str, size: int) -> None:
        """Raises `RateLimited`, or `RequestTooLarge` for what is more at once than may ever be sent."""
        if not self._bytes.amount or size <= 0:
            return
        self.require_possible(size)
        _require(await self._take(self._bytes, subject, size), "bytes")

    def require_possible(self, size: int) -> None:
        """Raises `RequestTooLarge` for more bytes at once than may be sent in the whole time."""
        if 0 < self._bytes.amount < size:
            raise RequestTooLarge(
                f"This is more at once than may be sent in {self._bytes.get_expiry()} s, "
                f"which is {self._bytes.amount} bytes."
            )

    async def note_failed_login(self, client: str) -> None:
        """Raises `RateLimited` where there were too many already."""
        _require(await self._take(self._logins, client, 1, here=self._local_logins), "failed logins")

    @asynccontextmanager
    async def stream(self, subject: str) -> AsyncIterator[None]:
        """Holds one of the subject's streams while it is entered. Raises `RateLimited`."""
        if not self._allowed.streams:
            yield
            return
        key, stream = _digest(subject), uuid4().hex
        is_held = await self._redis.hold(
            key, stream, limit=self._allowed.streams, lease_s=self._allowed.stream_lease_s
        )
        if is_held is None:
            is_held = self._open_streams[key] < self._allowed.streams
        if not is_held:
            raise RateLimited("Too many event streams are open.", retry_after_s=_STREAM_RETRY_S)
        self._open_streams[key] += 1
        over = asyncio.Event()
        keeper = asyncio.create_task(self._keep(key, stream, over))
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)
        try:
            yield
        finally:
            # Nothing is awaited here: who hangs up has this cancelled at every await. The keeper releases.
            over.set()
            self._open_streams[key] -= 1
            if not self._open_streams[key]:
                del self._open_streams[key]

    async def _keep(self, key: str, stream: str, over: asyncio.Event) -> None:
        """Renews the stream's lease until it is over, then gives it back."""
        lease_s = self._allowed.stream_lease_s
        while not over.is_set():
            try:
                await asyncio.wait_for(over.wait(), lease_s / 3)
            except TimeoutError:
                await self._redis.hold(key, stream, limit=0, lease_s=lease_s)
        await self._redis.release(key, stream)

    async def _take(
        self, item: RateLimitItemPerSecond, subject: str, amount: int, *, here: LocalCounts | None = None
    ) -> Verdict:
        local = here or self._local
        key, window_s = _digest(subject), item.get_expiry()
        verdict = await self._redis.take(item, key, amount)
        name = item.key_for(key)
        if verdict is None:
            return local.take(name, amount, limit=item.amount, window_s=window_s)
        if not verdict.is_admitted:
            return verdict
        if self._redis.trips.was_away_within(window_s):
            # It does not know what was admitted meanwhile: both must agree.
            return local.take(name, amount, limit=item.amount, window_s=window_s)
        local.note(name, amount, window_s=window_s)
        return verdict


def _item(name: str, amount: int, window_s: int) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(amount, window_s, namespace=name)


def _digest(subject: str) -> str:
    """What stands for a subject in Redis, where others may look."""
    return hashlib.sha256(subject.encode()).hexdigest()[:32]


def _require(verdict: Verdict, what: str) -> None:
    if not verdict.is_admitted:
        raise RateLimited(f"Too many {what} in this time.", retry_after_s=verdict.retry_after_s)
