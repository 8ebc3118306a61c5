"""Transactions: everything that is written is written inside one of these, and committed when it ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from veilgate.domain.errors import DatabaseUnavailable, DiskFull
from veilgate.persistence.batch_repository import BatchRepository
from veilgate.persistence.clock import now_ms
from veilgate.persistence.engine import PATIENCE_S, WRITES
from veilgate.persistence.event_repository import EventRepository
from veilgate.persistence.idempotency_repository import IdempotencyRepository
from veilgate.persistence.image_repository import ImageRepository
from veilgate.persistence.job_claims import JobClaims
from veilgate.persistence.job_repository import JobRepository
from veilgate.persistence.lease_repository import LeaseRepository
from veilgate.persistence.totals_repository import TotalsRepository


@dataclass(frozen=True)
class Transaction:
    """The repositories, all on one connection and in one transaction."""

    connection: Connection

    @cached_property
    def images(self) -> ImageRepository:
        return ImageRepository(self.connection)

    @cached_property
    def jobs(self) -> JobRepository:
        return JobRepository(self.connection)

    @cached_property
    def claims(self) -> JobClaims:
        return JobClaims(self.connection)

    @cached_property
    def batches(self) -> BatchRepository:
        return BatchRepository(self.connection)

    @cached_property
    def events(self) -> EventRepository:
        return EventRepository(self.connection)

    @cached_property
    def idempotency(self) -> IdempotencyRepository:
        return IdempotencyRepository(self.connection)

    @cached_property
    def leases(self) -> LeaseRepository:
        return LeaseRepository(self.connection)

    @cached_property
    def totals(self) -> TotalsRepository:
        return TotalsRepository(self.connection)

    def now_ms(self) -> int:
        """The database's clock."""
        return int(self.connection.execute(select(now_ms())).scalar_one())


class Database:
    """Hands out transactions and translates the driver's errors, once, here."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing_engine = engine.execution_options(**{WRITES: True})
        # SQLite has one writer at a time, and who finds it busy sleeps and tries again: with 8 threads the
        # slowest upload took 600 ms. In line before they take a connection, it takes 60 ms.
        self._writers_turn = threading.Lock() if engine.dialect.name == "sqlite" else None

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        with _translated_errors(), self._turn(), self._writing_engine.begin() as connection:
            yield Transaction(connection)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A snapshot to read from; nothing written in it is kept."""
        with _translated_errors(), self._engine.connect() as connection:
            yield Transaction(connection)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._writers_turn is None:
            yield
            return
        if not self._writers_turn.acquire(timeout=PATIENCE_S):
            raise DatabaseUnavailable("The database is too busy.")
        try:
            yield
        finally:
            self._writers_turn.release()


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailable("The database is too busy.") from error
    except DBAPIError as error:
        text = str(error.orig).lower()
        if "disk is full" in text or "disk full" in text:
            raise DiskFull from error
        if error.connection_invalidated or isinstance(error, OperationalError):
            raise DatabaseUnavailable from error
        raise
