"""Counters: rows that transactions draw numbers from, one after another."""

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from veilgate.persistence.tables.search import counters


class CounterRepository:
    """Who adds holds the row until the transaction ends, so that numbers are in the order of commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> int:
        value = self._connection.execute(select(counters.c.value).where(counters.c.name == name)).scalar()
        return int(value or 0)

    def add(self, name: str, amount: int) -> int:
        """The value after adding; a counter that is new starts at zero."""
        if not self._add_to_existing(name, amount):
            savepoint = self._connection.begin_nested()
            try:
                self._connection.execute(counters.insert().values(name=name, value=amount))
            except IntegrityError:
                savepoint.rollback()
                self._add_to_existing(name, amount)
            else:
                savepoint.commit()
        return self.get(name)

    def raise_to(self, name: str, value: int, *, above: int) -> bool:
        """Move it from `above` to `value`; False when somebody else has moved it meanwhile."""
        if above == 0:
            self.add(name, 0)  # it may be new
        result = self._connection.execute(
            update(counters).where(counters.c.name == name, counters.c.value == above).values(value=value)
        )
        return result.rowcount == 1

    def _add_to_existing(self, name: str, amount: int) -> bool:
        result = self._connection.execute(
            update(counters).where(counters.c.name == name).values(value=counters.c.value + amount)
        )
        return result.rowcount == 1
