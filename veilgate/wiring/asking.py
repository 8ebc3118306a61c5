"""What providers are asked with, from the settings."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from config import Config
from veilgate.domain.lookups import Bill
from veilgate.lookups.answer_cache import AnswerCache
from veilgate.lookups.budgets import DailyBudget
from veilgate.lookups.calls import Calls
from veilgate.lookups.lookup_redis import open_lookup_redis
from veilgate.lookups.provider_policies import read_policies
from veilgate.persistence.unit_of_work import Database
from veilgate.wiring.resources import WORKER_REDIS_TIMEOUT_S


@asynccontextmanager
async def open_calls(config: Config, database: Database) -> AsyncIterator[Calls]:
    """The careful way to ask providers, on the event loop of whoever opens it. Raises `ConfigurationError`
    for a wrong LOOKUP_LIMITS."""

    def spent_on(day: str) -> dict[str, Bill]:
        with database.read() as transaction:
            return transaction.spending.of_day(day)

    settings, policies = config.lookups, read_policies(config.lookups.lookup_limits)
    async with open_lookup_redis(config.redis_url, timeout_s=WORKER_REDIS_TIMEOUT_S) as redis:
        budget = DailyBudget(redis, policies, most_usd=settings.lookup_daily_usd, spent_on=spent_on)
        answers = AnswerCache(redis, longest_h=settings.lookup_cache_hours)
        async with aclosing(Calls(policies, answers=answers, budget=budget)) as calls:
            yield calls
