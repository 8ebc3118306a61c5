"""Which providers are on, what each may be asked for how much, and what that came to today."""

from collections.abc import Iterator
from dataclasses import dataclass

from veilgate.domain.lookups import Bill
from veilgate.lookups.catalogue import PICTURE_PROVIDERS, TEXT_PROVIDERS, ProviderSettings
from veilgate.lookups.provider_policies import read_policies
from veilgate.persistence.unit_of_work import Database

_PUBLIC_ADDRESS = "PUBLIC_BASE_URL"


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """`missing` are the settings that keep it off, or from being asked. Limits are those of the `account`,
    which several may share; 0 = none. What was spent is everybody's, since midnight UTC."""

    name: str
    account: str
    is_on: bool
    missing: tuple[str, ...]
    enabled_by: tuple[str, ...]
    gives: str
    usd_per_call: float
    per_second: float
    concurrency: int
    daily_calls: int
    calls_today: int
    cached_today: int
    usd_today: float


class ProviderOverview:
    """`limits` is LOOKUP_LIMITS; `can_link`: whether links can be made for those that take no bytes."""

    def __init__(
        self, database: Database, settings: ProviderSettings, *, limits: str, can_link: bool
    ) -> None:
        self._database = database
        self._settings = settings
        self._policies = read_policies(limits)
        self._can_link = can_link

    def lines(self) -> list[ProviderLine]:
        with self._database.read() as transaction:
            spent = transaction.spending.of_day(transaction.spending.today())
        return [self._line(*row, spent.get(row[0], Bill())) for row in self._rows()]

    def _rows(self) -> Iterator[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
        for row in PICTURE_PROVIDERS:
            missing = row.missing(self._settings)
            if row.needs_link and not missing and not self._can_link:
                missing = (_PUBLIC_ADDRESS,)
            yield row.name, row.gives, row.enabled_by, missing
        for text_row in TEXT_PROVIDERS:
            yield text_row.name, text_row.gives, text_row.enabled_by, text_row.missing(self._settings)

    def _line(
        self, name: str, gives: str, enabled_by: tuple[str, ...], missing: tuple[str, ...], spent: Bill
    ) -> ProviderLine:
        policy = self._policies[name]
        return ProviderLine(
            name,
            policy.account.name,
            not missing,
            missing,
            enabled_by,
            gives,
            policy.usd_per_call,
            policy.account.per_second,
            policy.account.concurrency,
            policy.account.daily_calls,
            spent.calls,
            spent.cached,
            spent.cost_micros / 1_000_000,
        )
