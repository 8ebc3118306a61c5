"""Counting in Redis, for all gateways together: what each subject did lately, and which streams it has open.

A storage of the library `limits` with scripts of our own. Its moving window keeps an entry for each request
and asks the gateway's clock, which may be wrong; its sliding counter lets through up to twice the quota at
the edge of a window; neither says when a cost of many fits. Here Redis' clock decides.
"""

from typing import Any

from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost

from veilgate.api.local_counts import PIECES, Verdict
from veilgate.api.round_trips import RoundTrips

# So long a caller waits for a limit. Shaking hands took a busy machine over 0.15 s at each of 18 tries: with
# TLS, Redis counted as away for as long as the machine was busy.
PATIENCE_S = 0.15
_TLS_PATIENCE_S = 1.0
_PREFIX = "veilgate:quota"

# A list: the total, then `time:amount` with the oldest first. Returns the microseconds to wait where it
# refuses; where it admits, 0 or less those until as much again fits. A clock that is set back would leave
# times in the future for as long as that was: they count as of now.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local limit, window, amount = tonumber(ARGV[1]), ARGV[2] * 1000000, tonumber(ARGV[4])
local piece = window / ARGV[3]

local function read(entry)
    local at, held = string.match(entry, '^(%d+):(%d+)$')
    return tonumber(at), tonumber(held)
end
local function write(at, held)
    return string.format('%.0f:%.0f', at, held)
end

local total = tonumber(redis.call('LPOP', KEYS[1]) or 0)
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest do
    local at, held = read(oldest)
    if at + window > now then break end
    redis.call('LPOP', KEYS[1])
    total = total - held
    oldest = redis.call('LINDEX', KEYS[1], 0)
end
local newest = redis.call('LINDEX', KEYS[1], -1)
if newest and read(newest) > now then
    redis.call('DEL', KEYS[1])
    newest = write(now, total)
    redis.call('RPUSH', KEYS[1], newest)
end

local admitted = total + amount <= limit
if admitted then
    total = total + amount
    local at, held = -window, 0
    if newest then at, held = read(newest) end
    if math.floor(at / piece) == math.floor(now / piece) then
        redis.call('LSET', KEYS[1], -1, write(now, held + amount))
    else
        redis.call('RPUSH', KEYS[1], write(now, amount))
    end
end

local wait, excess, place = 0, total + amount - limit, 0
while excess > 0 do
    local at, held = read(redis.call('LINDEX', KEYS[1], place))
    excess, wait, place = excess - held, at + window - now, place + 1
end
redis.call('LPUSH', KEYS[1], string.format('%.0f', total))
redis.call('PEXPIRE', KEYS[1], window / 1000)
return admitted and -wait or wait
"""

# Streams with the time at which their gateway must have been heard of again. Limit 0: whatever is open.
_HOLD = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, lease = tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if limit > 0 and redis.call('ZCARD', KEYS[1]) >= limit then
    return 0
end
redis.call('ZADD', KEYS[1], now + lease, ARGV[1])
redis.call('PEXPIRE', KEYS[1], lease)
return 1
"""

_RELEASE = "return redis.call('ZREM', KEYS[1], ARGV[1])"


class RedisCounts(RedisStorage):
    """The answer None means that Redis is away; see `RoundTrips`."""

    def __init__(self, url: str) -> None:
        patience_s = _TLS_PATIENCE_S if url.startswith("rediss:") else PATIENCE_S
        pool: Any = ConnectionPool.from_url(
            url,
            socket_timeout=patience_s,
            socket_connect_timeout=patience_s,
            # Once more on a new connection, for what a proxy has cut that idled.
            retry=Retry(NoBackoff(), retries=1, supported_errors=(ConnectionLost,)),
        )
        # By the pool, and not by the address: the library's reading of it wants a port, and what it says of
        # one that it cannot read shows the password.
        super().__init__("redis://", implementation="redispy", connection_pool=pool, key_prefix=_PREFIX)
        self._pool = pool
        bridge: Any = self.bridge
        self.trips = RoundTrips(bridge.storage, (_TAKE, _HOLD, _RELEASE), patience_s=patience_s)

    async def take(self, item: RateLimitItem, subject: str, amount: int) -> Verdict | None:
        """Count `amount` if the limit allows it."""
        key = self.bridge.prefixed_key(item.key_for(subject))
        wait_us = await self.trips.ask(_TAKE, key, (item.amount, item.get_expiry(), PIECES, amount))
        return None if wait_us is None else Verdict(wait_us <= 0, abs(wait_us) / 1_000_000)

    async def hold(self, subject: str, stream: str, *, limit: int, lease_s: float) -> bool | None:
        """Whether the stream may be open, or go on; forgotten when that is not asked again in time."""
        answer = await self.trips.ask(_HOLD, self._streams(subject), (stream, limit, int(lease_s * 1000)))
        return None if answer is None else bool(answer)

    async def release(self, subject: str, stream: str) -> None:
        await self.trips.ask(_RELEASE, self._streams(subject), (stream,))

    async def close(self) -> None:
        await self._pool.disconnect()

    def _streams(self, subject: str) -> str:
        return self.bridge.prefixed_key(f"streams/{subject}")
