"""What was asked of providers, and what that came to: by day, provider and owner."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import IntegrityError

from veilgate.domain.lookups import Bill
from veilgate.persistence.clock import now_ms
from veilgate.persistence.tables.outgoing import lookup_spending

_AMOUNTS = (lookup_spending.c.calls, lookup_spending.c.cached, lookup_spending.c.cost_micros)


class SpendingRepository:
    """Rows that many add to: what writes them writes them last."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def today(self) -> str:
        """The day in UTC, as 2026-11-21, by the database's clock."""
        now = self._connection.execute(select(now_ms())).scalar_one()
        return f"{datetime.fromtimestamp(int(now) / 1000, UTC):%Y-%m-%d}"

    def add(self, owner_id: str, bills: Mapping[str, Bill]) -> None:
        """Add to what this owner's lookups came to today, by provider."""
        day = self.today()
        # In one order, or two that add to the same rows wait for each other.
        for provider, bill in sorted(bills.items()):
            if bill != Bill() and not self._add_to_existing(day, provider, owner_id, bill):
                self._insert(day, provider, owner_id, bill)

    def of_day(self, day: str) -> dict[str, Bill]:
        """By provider, what all owners' lookups came to."""
        sums = [func.sum(column) for column in _AMOUNTS]
        query = (
            select(lookup_spending.c.provider, *sums)
            .where(lookup_spending.c.day == day)
            .group_by(lookup_spending.c.provider)
        )
        return {
            provider: Bill(*(int(amount) for amount in amounts))
            for provider, *amounts in self._connection.execute(query)
        }

    def forget_older_than(self, days: int) -> int:
        """Returns how many rows were of days that are further back."""
        first = date.fromisoformat(self.today()) - timedelta(days)
        result = self._connection.execute(
            lookup_spending.delete().where(lookup_spending.c.day < first.isoformat())
        )
        return result.rowcount

    def _add_to_existing(self, day: str, provider: str, owner_id: str, bill: Bill) -> bool:
        row = lookup_spending.c
        result = self._connection.execute(
            update(lookup_spending)
            .where(row.day == day, row.provider == provider, row.owner_id == owner_id)
            .values(
                calls=row.calls + bill.calls,
                cached=row.cached + bill.cached,
                cost_micros=row.cost_micros + bill.cost_micros,
            )
        )
        return result.rowcount == 1

    def _insert(self, day: str, provider: str, owner_id: str, bill: Bill) -> None:
        savepoint = self._connection.begin_nested()
        try:
            self._connection.execute(
                lookup_spending.insert().values(
                    day=day,
                    provider=provider,
                    owner_id=owner_id,
                    calls=bill.calls,
                    cached=bill.cached,
                    cost_micros=bill.cost_micros,
                )
            )
        except IntegrityError:
            savepoint.rollback()
            self._add_to_existing(day, provider, owner_id, bill)
        else:
            savepoint.commit()
