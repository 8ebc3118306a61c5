"""Transactions: everything that is written is written inside one of these, and committed when it ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from veilgate.domain.errors import ConfigurationError, DatabaseUnavailable
from veilgate.persistence.audit_repository import AuditRepository
from veilgate.persistence.batch_repository import BatchRepository
from veilgate.persistence.clock import now_ms
from veilgate.persistence.counter_repository import CounterRepository
from veilgate.persistence.dedup_keys import FreeKeys
from veilgate.persistence.delivery_repository import DeliveryRepository
from veilgate.persistence.direct_upload_repository import DirectUploadRepository
from veilgate.persistence.driver_errors import refusal, translated_errors
from veilgate.persistence.embedding_gaps import EmbeddingGaps
from veilgate.persistence.embedding_repository import EmbeddingRepository
from veilgate.persistence.engine import MOMENT_S, PATIENCE_S, WAITS_A_MOMENT, WRITES
from veilgate.persistence.erase_repository import EraseRepository
from veilgate.persistence.event_repository import EventRepository
from veilgate.persistence.idempotency_repository import IdempotencyRepository
from veilgate.persistence.image_repository import ImageRepository
from veilgate.persistence.index_model_repository import IndexModelRepository
from veilgate.persistence.job_claims import JobClaims
from veilgate.persistence.job_repository import JobRepository
from veilgate.persistence.key_repository import KeyRepository
from veilgate.persistence.lease_repository import LeaseRepository
from veilgate.persistence.lookup_repository import LookupRepository
from veilgate.persistence.near_duplicate_repository import NearDuplicateRepository
from veilgate.persistence.outbox_repository import OutboxRepository
from veilgate.persistence.schema import require_rights, require_schema
from veilgate.persistence.session_repository import SessionRepository
from veilgate.persistence.shared_link_repository import SharedLinkRepository
from veilgate.persistence.spending_repository import SpendingRepository
from veilgate.persistence.sqlite_log import empty_log
from veilgate.persistence.status_rows import InstantStatusRows
from veilgate.persistence.term_repository import TermRepository
from veilgate.persistence.tombstone_repository import TombstoneRepository
from veilgate.persistence.totals_repository import TotalsRepository
from veilgate.persistence.webhook_endpoint_repository import WebhookEndpointRepository
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)


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
    def direct_uploads(self) -> DirectUploadRepository:
        return DirectUploadRepository(self.connection)

    @cached_property
    def events(self) -> EventRepository:
        return EventRepository(self.connection, self.outbox)

    @cached_property
    def idempotency(self) -> IdempotencyRepository:
        return IdempotencyRepository(self.connection)

    @cached_property
    def leases(self) -> LeaseRepository:
        return LeaseRepository(self.connection)

    @cached_property
    def lookups(self) -> LookupRepository:
        return LookupRepository(self.connection)

    @cached_property
    def totals(self) -> TotalsRepository:
        return TotalsRepository(self.connection)

    @cached_property
    def keys(self) -> KeyRepository:
        return KeyRepository(self.connection)

    @cached_property
    def sessions(self) -> SessionRepository:
        return SessionRepository(self.connection)

    @cached_property
    def audit(self) -> AuditRepository:
        return AuditRepository(self.connection)

    @cached_property
    def embeddings(self) -> EmbeddingRepository:
        return EmbeddingRepository(self.connection)

    @cached_property
    def embedding_gaps(self) -> EmbeddingGaps:
        return EmbeddingGaps(self.connection)

    @cached_property
    def near_duplicates(self) -> NearDuplicateRepository:
        return NearDuplicateRepository(self.connection)

    @cached_property
    def index_models(self) -> IndexModelRepository:
        return IndexModelRepository(self.connection)

    @cached_property
    def terms(self) -> TermRepository:
        return TermRepository(self.connection)

    @cached_property
    def counters(self) -> CounterRepository:
        return CounterRepository(self.connection)

    @cached_property
    def erasing(self) -> EraseRepository:
        return EraseRepository(self.connection)

    @cached_property
    def tombstones(self) -> TombstoneRepository:
        return TombstoneRepository(self.connection)

    @cached_property
    def outbox(self) -> OutboxRepository:
        return OutboxRepository(self.connection)

    @cached_property
    def webhook_endpoints(self) -> WebhookEndpointRepository:
        return WebhookEndpointRepository(self.connection)

    @cached_property
    def deliveries(self) -> DeliveryRepository:
        return DeliveryRepository(self.connection)

    @cached_property
    def shared_links(self) -> SharedLinkRepository:
        return SharedLinkRepository(self.connection)

    @cached_property
    def spending(self) -> SpendingRepository:
        return SpendingRepository(self.connection)

    def now_ms(self) -> int:
        """The database's clock."""
        return int(self.connection.execute(select(now_ms())).scalar_one())


class Database:
    """Hands out transactions and translates the driver's errors, once, here.

    With `checked`, nothing is read or written before `check` has passed: a server that was away when the
    process started may turn out to have the wrong schema.
    """

    def __init__(self, engine: Engine, *, checked: bool = False) -> None:
        self._engine = engine
        self._writing_engine = engine.execution_options(**{WRITES: True})
        self._hasty_engine = engine.execution_options(**{WRITES: True, WAITS_A_MOMENT: True})
        self.dedup_keys = FreeKeys(engine)
        self._must_check = checked
        self._is_sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer at a time, and who finds it busy sleeps and tries again: with 8 threads the
        # slowest upload took 600 ms. In line before they take a connection, it takes 60 ms.
        self._writers_turn = threading.Lock() if self._is_sqlite else None

    def check(self) -> None:
        """Raise `ConfigurationError` when DATABASE_URL leads to what this version cannot work with, and
        `DatabaseUnavailable` when that cannot be told now."""
        try:
            with translated_errors(), self._engine.connect() as connection:
                require_schema(connection)
                if not self._is_sqlite:
                    require_rights(connection)
        except DatabaseUnavailable as error:
            raise refusal(error) or error from error.__cause__
        self._must_check = False

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        self._check_once()
        with translated_errors(), self._turn(PATIENCE_S), self._writing_engine.begin() as connection:
            yield Transaction(connection)

    @contextmanager
    def write_if_free(self) -> Iterator[Transaction]:
        """As `write`, for what is not worth waiting for: raises `DatabaseUnavailable` when others write to an
        SQLite file for longer than a moment. On a server the rows decide, and who asks for them."""
        self._check_once()
        with translated_errors(), self._turn(MOMENT_S), self._hasty_engine.begin() as connection:
            yield Transaction(connection)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Something to read from; nothing written in it is kept. On SQLite it is a snapshot, on a server each
        statement sees what has been committed when it begins."""
        self._check_once()
        with translated_errors(), self._engine.connect() as connection:
            yield Transaction(connection)

    def probe(self) -> None:
        """Raise when the database is away, or is a server that may only be read. An SQLite file is only read:
        to write one would wait for whoever writes."""
        with self.read() as transaction:
            if self._is_sqlite:
                transaction.now_ms()
            else:
                transaction.jobs.mark_dispatched([])

    def overwrite_deleted(self) -> bool:
        """See to it that what was deleted is in no file of an SQLite database; False when that has to wait.
        What a server keeps of it, in logs for one, is its operator's business."""
        with translated_errors():
            return not self._is_sqlite or empty_log(self._engine)

    @property
    def folder(self) -> Path | None:
        """Where the file of an SQLite database lies; None when a server keeps the rows."""
        path = self._engine.url.database if self._is_sqlite else None
        return Path(path).parent if path else None

    def instant_status_rows(self) -> InstantStatusRows | None:
        """Where rows can be read without waiting for anybody, and so without a thread: in SQLite."""
        return InstantStatusRows(self._engine) if self._is_sqlite else None

    def close(self) -> None:
        self._engine.dispose()

    def _check_once(self) -> None:
        if not self._must_check:
            return
        try:
            self.check()
        except ConfigurationError as error:
            # Whoever serves callers goes on saying 503, and works as soon as it has been put right.
            _log.error("database.not_usable", reason=error.message)
            raise DatabaseUnavailable from error

    @contextmanager
    def _turn(self, patience_s: float) -> Iterator[None]:
        if self._writers_turn is None:
            yield
            return
        if not self._writers_turn.acquire(timeout=patience_s):
            raise DatabaseUnavailable("The database is too busy.")
        try:
            yield
        finally:
            self._writers_turn.release()
