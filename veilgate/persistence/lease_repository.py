"""Leader leases: who may do what only one process should do."""

from sqlalchemy import Connection, or_, update
from sqlalchemy.exc import IntegrityError

from database_models import leader_leases
from veilgate.persistence.clock import now_ms


class LeaseRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def acquire(self, name: str, *, holder: str, lease_ms: int) -> bool:
        """Take or renew a lease; False while somebody else holds it."""
        table = leader_leases.c
        result = self._connection.execute(
            update(leader_leases)
            .where(table.name == name, or_(table.holder == holder, table.until_ms < now_ms()))
            .values(holder=holder, until_ms=now_ms() + lease_ms)
        )
        if result.rowcount == 1:
            return True
        savepoint = self._connection.begin_nested()
        try:
            self._connection.execute(
                leader_leases.insert().values(name=name, holder=holder, until_ms=now_ms() + lease_ms)
            )
        except IntegrityError:
            savepoint.rollback()
            return False
        savepoint.commit()
        return True

    def release(self, name: str, *, holder: str) -> None:
        self._connection.execute(
            leader_leases.delete().where(leader_leases.c.name == name, leader_leases.c.holder == holder)
        )
