"""What may be asked and spent in a day, over all workers: counted in Redis, before anything is sent."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

from veilgate.domain.errors import QueueUnavailable, VeilgateError
from veilgate.domain.lookups import Bill
from veilgate.domain.provider_errors import BudgetSpent
from veilgate.lookups.provider_policies import Account, Policies, ProviderPolicy

# Of a day in UTC, as 2026-11-21: by provider, what the database has recorded of it.
SpentOnDay = Callable[[str], Mapping[str, Bill]]

_REDIS_AWAY = (RedisError, OSError)
_KEY = "veilgate:spent-today"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROS = 1_000_000

# By the clock of Redis, which all workers share. `count` names one life of the counters: what was reserved
# before they were lost is not given back to those that came after.
_RESERVE = """
local now = tonumber(redis.call("TIME")[1])
local day = math.floor(now / 86400)
local account, most_calls = ARGV[1], tonumber(ARGV[2])
local micros, most_micros = tonumber(ARGV[3]), tonumber(ARGV[4])
if tonumber(redis.call("HGET", KEYS[1], "day")) ~= day then
    return {"unknown", tostring(day)}
end
local calls = tonumber(redis.call("HGET", KEYS[1], "calls:" .. account) or 0)
local spent = tonumber(redis.call("HGET", KEYS[1], "micros") or 0)
local is_over = micros > 0 and most_micros > 0 and spent + micros > most_micros
if is_over or (most_calls > 0 and calls >= most_calls) then
    return {"spent", tostring(86400 - now % 86400)}
end
redis.call("HINCRBY", KEYS[1], "calls:" .. account, 1)
redis.call("HINCRBY", KEYS[1], "micros", ARGV[3])
return {"reserved", redis.call("HGET", KEYS[1], "count")}
"""
_BEGIN = """
if redis.call("HGET", KEYS[1], "day") ~= ARGV[1] then
    redis.call("DEL", KEYS[1])
    redis.call("HSET", KEYS[1], "day", unpack(ARGV))
    redis.call("EXPIRE", KEYS[1], 172800)
end
"""
_GIVE_BACK = """
if redis.call("HGET", KEYS[1], "count") == ARGV[1] then
    redis.call("HINCRBY", KEYS[1], "calls:" .. ARGV[2], ARGV[3])
    redis.call("HINCRBY", KEYS[1], "micros", ARGV[4])
end
"""


@dataclass(frozen=True, slots=True)
class Reservation:
    """`count`: of which counters; None where nobody counts."""

    count: str | None
    account: str
    cost_micros: int


class DailyBudget:
    """`most_usd`: 0 = no limit. Counters that are not there, for it is a new day or Redis was emptied, begin
    with what the database has recorded: calls on their way there at that moment are missed."""

    def __init__(self, redis: Redis, policies: Policies, *, most_usd: float, spent_on: SpentOnDay) -> None:
        self._redis = redis
        self._accounts = {policy.name: policy.account.name for policy in policies.values()}
        self._most_micros = round(most_usd * _MICROS)
        self._spent_on = spent_on
        self._beginning = asyncio.Lock()
        self._reserve = redis.register_script(_RESERVE)
        self._begin = redis.register_script(_BEGIN)
        self._give_back = redis.register_script(_GIVE_BACK)

    async def reserve(self, policy: ProviderPolicy, *, units: int) -> Reservation:
        """One call and its price. Raises `BudgetSpent`; and `QueueUnavailable` when nobody can count, for
        providers that have to be counted: what is paid then could not be kept either."""
        account, cost_micros = policy.account, policy.cost_micros(units)
        if not policy.needs_budget:
            return Reservation(None, account.name, cost_micros)
        reserving = asyncio.create_task(self._reserve_of(account, cost_micros))
        try:
            return await asyncio.shield(reserving)
        except asyncio.CancelledError:
            # Redis may have counted it already, and nobody else could give it back.
            with suppress(VeilgateError):
                await self.give_back(await reserving, was_sent=False)
            raise

    async def _reserve_of(self, account: Account, cost_micros: int) -> Reservation:
        limits: list[str | int] = [account.name, account.daily_calls, cost_micros, self._most_micros]
        try:
            verdict, detail = await self._ask(limits)
            if verdict == "unknown":
                verdict, detail = await self._begin_and_ask(limits)
        except _REDIS_AWAY as error:
            raise QueueUnavailable from error
        if verdict == "spent":
            raise BudgetSpent(retry_after_s=int(detail))
        return Reservation(detail, account.name, cost_micros)

    async def give_back(self, reservation: Reservation, *, was_sent: bool) -> None:
        """What was not billed after all; the call too unless it `was_sent`."""
        if reservation.count is None:
            return
        amounts = [0 if was_sent else -1, -reservation.cost_micros]
        try:
            await self._give_back(keys=[_KEY], args=[reservation.count, reservation.account, *amounts])
        except _REDIS_AWAY:
            return  # it counts as spent, which errs on the safe side

    async def _ask(self, limits: list[str | int]) -> tuple[str, str]:
        verdict, detail = await self._reserve(keys=[_KEY], args=limits)
        return verdict.decode(), detail.decode()

    async def _begin_and_ask(self, limits: list[str | int]) -> tuple[str, str]:
        # One reads the database, and those who waited find the counters there.
        async with self._beginning:
            verdict, detail = await self._ask(limits)
            while verdict == "unknown":
                await self._begin_day(int(detail))
                verdict, detail = await self._ask(limits)
        return verdict, detail

    async def _begin_day(self, day_number: int) -> None:
        day = (_EPOCH + timedelta(days=day_number)).strftime("%Y-%m-%d")
        calls: dict[str, int] = {}
        micros = 0
        for provider, bill in (await asyncio.to_thread(self._spent_on, day)).items():
            # One that is in no table any more has cost what it has cost.
            account = self._accounts.get(provider, provider)
            calls[account] = calls.get(account, 0) + bill.calls
            micros += bill.cost_micros
        counted = [part for account, number in calls.items() for part in (f"calls:{account}", number)]
        await self._begin(keys=[_KEY], args=[day_number, "count", uuid4().hex, "micros", micros, *counted])
