"""How each provider is asked: how fast, how patiently, and for how much. A table, which LOOKUP_LIMITS amends.

Prices and limits are those that providers published in November 2026; none is a promise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from veilgate.domain.errors import ConfigurationError

_SETTING = "LOOKUP_LIMITS"
MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Account:
    """What providers have in common that are asked with one key. `daily_calls`: 0 = no limit."""

    name: str
    concurrency: int
    per_second: float
    daily_calls: int = 0


@dataclass(frozen=True, slots=True)
class ProviderPolicy:
    """`timeout_s` is for one request, `attempts` are requests for one question, pauses are between them.

    `usd_per_call` is what a question costs for each of its units. An answer is kept for LOOKUP_CACHE_HOURS,
    but not longer than `kept_h`.
    """

    name: str
    account: Account
    timeout_s: float
    attempts: int
    first_pause_s: float
    longest_pause_s: float
    usd_per_call: float = 0.0
    kept_h: float = 8760.0

    @property
    def needs_budget(self) -> bool:
        """Whether somebody has to count before it is asked."""
        return self.usd_per_call > 0 or self.account.daily_calls > 0

    def cost_micros(self, units: int) -> int:
        """Millionths of a US dollar that a question of so many units costs."""
        return round(self.usd_per_call * units * MICROS)


Policies = Mapping[str, ProviderPolicy]

_GOOGLE_VISION = Account("google_vision", concurrency=10, per_second=20)
_SERPAPI = Account("serpapi", concurrency=2, per_second=1)
_EBAY = Account("ebay", concurrency=4, per_second=5, daily_calls=5000)
# Its free tier takes 20 calls a minute.
_AZURE_VISION = Account("azure_vision", concurrency=2, per_second=20 / 60)
_VISION_MODEL = Account("vision_model", concurrency=4, per_second=10)

_TABLE = (
    # Web detection, labels and logos: 3.50, 1.50 and 1.50 US dollars for a thousand pictures.
    ProviderPolicy("google_vision", _GOOGLE_VISION, 20, 3, 0.5, 8, usd_per_call=0.0065),
    # 75 US dollars for 5000 searches. An answer takes seconds.
    ProviderPolicy("google_lens", _SERPAPI, 30, 2, 2, 30, usd_per_call=0.015),
    ProviderPolicy("google_shopping", _SERPAPI, 30, 2, 2, 30, usd_per_call=0.015),
    # Costs nothing, and what is on offer changes by the hour.
    ProviderPolicy("ebay_image", _EBAY, 15, 2, 1, 30, kept_h=6),
    ProviderPolicy("ebay_search", _EBAY, 15, 2, 1, 30, kept_h=6),
    # A secret: it is kept in memory, by whoever asked for it.
    ProviderPolicy("ebay_token", _EBAY, 15, 2, 1, 30, kept_h=0),
    ProviderPolicy("azure_vision", _AZURE_VISION, 20, 3, 1, 30, usd_per_call=0.001),
    # A hosted model reads a picture and writes a few lines for about that; a server of one's own for nothing.
    ProviderPolicy("vision_model", _VISION_MODEL, 45, 3, 1, 60, usd_per_call=0.006),
)
_WHOLE = frozenset({"concurrency", "daily_calls", "attempts"})
_AT_LEAST_ONE = frozenset({"concurrency", "attempts"})
_MORE_THAN_NOTHING = frozenset({"per_second", "timeout_s"})
_OF_ACCOUNTS = frozenset(field.name for field in fields(Account)) - {"name"}
_OF_PROVIDERS = frozenset(field.name for field in fields(ProviderPolicy)) - {"name", "account"}


def read_policies(limits: str = "") -> Policies:
    """By the provider's name, as the table and LOOKUP_LIMITS say. What holds for an account is said of it,
    and holds for all its providers. Raises `ConfigurationError`."""
    policies = {policy.name: policy for policy in _TABLE}
    for entry in limits.split(","):
        if entry.strip():
            _amend(policies, entry.strip())
    return policies


def _amend(policies: dict[str, ProviderPolicy], entry: str) -> None:
    what, _, written = entry.partition("=")
    name, _, limit = what.strip().partition(".")
    meant = [policy for policy in policies.values() if name in {policy.name, policy.account.name}]
    if not meant:
        known = sorted({name for policy in _TABLE for name in (policy.name, policy.account.name)})
        raise ConfigurationError(f"{_SETTING}: {entry!r} is for none of {', '.join(known)}")
    if limit not in _OF_ACCOUNTS | _OF_PROVIDERS:
        known = sorted(_OF_ACCOUNTS | _OF_PROVIDERS)
        raise ConfigurationError(f"{_SETTING}: {entry!r} sets none of {', '.join(known)}")
    account = meant[0].account
    if limit in _OF_ACCOUNTS and name != account.name:
        raise ConfigurationError(
            f"{_SETTING}: {entry!r} must be said of all that share it, as {account.name}.{limit}"
        )
    value = _read(entry, limit, written)
    for policy in meant:
        policies[policy.name] = _with(policy, limit, value)


def _with(policy: ProviderPolicy, limit: str, value: Any) -> ProviderPolicy:
    if limit in _OF_ACCOUNTS:
        return replace(policy, account=replace(policy.account, **{limit: value}))
    return replace(policy, **{limit: value})


def _read(entry: str, limit: str, written: str) -> float:
    try:
        value = int(written) if limit in _WHOLE else float(written)
    except ValueError:
        kind = "a whole number" if limit in _WHOLE else "a number"
        raise ConfigurationError(f"{_SETTING}: {entry!r} needs {kind}") from None
    least = 1 if limit in _AT_LEAST_ONE else 0
    is_good = least <= value < float("inf") and (value > 0 or limit not in _MORE_THAN_NOTHING)
    if not is_good:
        raise ConfigurationError(f"{_SETTING}: {entry!r} is too little or too much")
    return value
