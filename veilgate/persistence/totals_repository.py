"""Running totals, kept as jobs end, so that statistics cost the same at a million rows."""

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from database_models import totals


class TotalsRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, **amounts: int) -> None:
        """Add to totals by name; a name that is new starts at zero."""
        for name, amount in sorted(amounts.items()):
            if amount and not self._add_to_existing(name, amount):
                self._insert(name, amount)

    def all(self) -> dict[str, int]:
        rows = self._connection.execute(select(totals.c.name, totals.c.value))
        return {row.name: int(row.value) for row in rows}

    def _add_to_existing(self, name: str, amount: int) -> bool:
        result = self._connection.execute(
            update(totals).where(totals.c.name == name).values(value=totals.c.value + amount)
        )
        return result.rowcount == 1

    def _insert(self, name: str, amount: int) -> None:
        savepoint = self._connection.begin_nested()
        try:
            self._connection.execute(totals.insert().values(name=name, value=amount))
        except IntegrityError:
            savepoint.rollback()
            self._add_to_existing(name, amount)
        else:
            savepoint.commit()
