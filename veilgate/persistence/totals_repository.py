"""Running totals, kept as jobs end, so that statistics cost the same at a million rows."""

from sqlalchemy import ColumnElement, Connection, literal, select, update
from sqlalchemy.exc import IntegrityError

from database_models import totals


class TotalsRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, **amounts: int) -> None:
        """Add to totals by name; a name that is new starts at zero."""
        for name, amount in sorted(amounts.items()):
            if amount:
                self._write(name, totals.c.value + amount, first=amount)

    def put(self, **values: int) -> None:
        """In place of what these names had."""
        for name, value in sorted(values.items()):
            self._write(name, literal(value), first=value)

    def all(self) -> dict[str, int]:
        rows = self._connection.execute(select(totals.c.name, totals.c.value))
        return {row.name: int(row.value) for row in rows}

    def _write(self, name: str, value: ColumnElement[int], *, first: int) -> None:
        """`first`: the value of a name that is new."""
        change = update(totals).where(totals.c.name == name).values(value=value)
        if self._connection.execute(change).rowcount:
            return
        savepoint = self._connection.begin_nested()
        try:
            self._connection.execute(totals.insert().values(name=name, value=first))
        except IntegrityError:
            savepoint.rollback()
            self._connection.execute(change)
        else:
            savepoint.commit()
