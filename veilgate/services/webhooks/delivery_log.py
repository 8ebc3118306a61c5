"""The log of deliveries: kept for so many days after their end."""

from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.unit_of_work import Database
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_DAY_MS = 86_400_000
_PAGE = 500


class DeliveryLog:
    def __init__(self, database: Database, *, kept_days: int) -> None:
        self._database = database
        self._age_ms = kept_days * _DAY_MS

    def sweep_deliveries(self) -> None:
        """End what waits for endpoints whose key has ended, and forget what ended long ago."""
        if dropped := self._drop_unheard():
            _log.info("deliveries.dropped", deliveries=dropped)
        while self._forget_page() == _PAGE:
            pass

    @again_after_deadlock
    def _drop_unheard(self) -> int:
        with self._database.write() as transaction:
            return transaction.deliveries.drop_unheard()

    @again_after_deadlock
    def _forget_page(self) -> int:
        with self._database.write() as transaction:
            return transaction.deliveries.forget_older_than(self._age_ms, limit=_PAGE)
