"""Originals are kept for so many days: the veiled copies and all that was found stay."""

import time

from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.retention_repository import KeptOriginal, RetentionRepository
from veilgate.persistence.unit_of_work import Database
from veilgate.services.images.object_pages import ask_of_each
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_DAY_MS = 86_400_000
_PAGE = 64
# Reconcilers may be two for a moment, and each may die within a page.
_LOOKED_BACK_AT = 4 * _PAGE
# What else the reconciler does must not wait for long when ten thousands are due at once.
_LONGEST_S = 30.0


class Retention:
    """`kept_days` of zero: for ever.

    The row is written first, so that none promises an original that is gone. A page is begun when the files
    of the one before are deleted: of whoever died in between, files are left of the last page alone.
    """

    def __init__(self, database: Database, store: ObjectStore, *, kept_days: int) -> None:
        self._database = database
        self._store = store
        self._age_ms = kept_days * _DAY_MS

    def drop_originals(self) -> None:
        """Delete every version of originals whose image has had no job at work for so long, whether it
        completed or not."""
        self._delete(self._dropped_last())
        if not self._age_ms:
            return
        give_up_s, last = time.monotonic() + _LONGEST_S, None
        while (page := self._page(last)) and time.monotonic() < give_up_s:
            last = page[-1]
            dropped = self._mark(page)
            self._delete([one.original_key for one in page if one.image_id in dropped])
            if dropped:
                _log.info("retention.originals_dropped", originals=len(dropped))

    def _page(self, last: KeptOriginal | None) -> list[KeptOriginal]:
        with self._database.read() as transaction:
            originals = RetentionRepository(transaction.connection)
            return originals.older_than(self._age_ms, after=last, limit=_PAGE)

    @again_after_deadlock
    def _mark(self, page: list[KeptOriginal]) -> set[str]:
        with self._database.write() as transaction:
            originals = RetentionRepository(transaction.connection)
            return set(originals.drop([one.image_id for one in page], age_ms=self._age_ms))

    def _dropped_last(self) -> list[str]:
        with self._database.read() as transaction:
            return RetentionRepository(transaction.connection).dropped_last(limit=_LOOKED_BACK_AT)

    def _delete(self, keys: list[str]) -> None:
        ask_of_each(lambda key: self._store.erase([key]), keys)
