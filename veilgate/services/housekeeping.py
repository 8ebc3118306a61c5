"""Slow tidying: objects that no row points to, keys nobody will use again."""

import time
from pathlib import PurePosixPath

from veilgate.domain.errors import VeilgateError
from veilgate.persistence.unit_of_work import Database
from veilgate.storage.keys import original_day_prefix
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_DAY_S = 86_400
_IDEMPOTENCY_KEPT_S = 2 * _DAY_S
# Signed addresses work for a day at most, so that nothing is put after its row is gone.
_ANNOUNCED_KEPT_S = 2 * _DAY_S
_PAGE = 500


class Housekeeping:
    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    def run(self) -> None:
        """Every job here may be done at any time; errors are logged and the next round tries again."""
        try:
            with self._database.write() as transaction:
                transaction.idempotency.forget_older_than(_IDEMPOTENCY_KEPT_S * 1000)
            removed = self.remove_orphans(original_day_prefix(time.time() - 2 * _DAY_S))
            if removed:
                _log.info("housekeeping.orphans_removed", objects=removed)
            self.remove_announced()
        except (VeilgateError, OSError) as error:
            _log.warning("housekeeping.failed", error=type(error).__name__)

    def remove_orphans(self, day_prefix: str) -> int:
        """Delete the originals of a past day that have no row: uploads that died before their commit."""
        removed, page = 0, []
        for key in self._store.list(day_prefix):
            page.append(key)
            if len(page) == _PAGE:
                removed += self._remove_unknown(page)
                page = []
        return removed + self._remove_unknown(page)

    def remove_announced(self) -> None:
        """Forget direct uploads of the day before yesterday, with what was put for them and never taken, or
        put again after it was. Objects go first: a row without its object is found again next time."""
        while True:
            with self._database.read() as transaction:
                old = transaction.direct_uploads.older_than(_ANNOUNCED_KEPT_S * 1000, limit=_PAGE)
            if not old:
                return
            self._store.delete(list(old.values()))
            with self._database.write() as transaction:
                transaction.direct_uploads.forget(list(old))
            _log.info("housekeeping.direct_uploads_forgotten", uploads=len(old))

    def _remove_unknown(self, keys: list[str]) -> int:
        if not keys:
            return 0
        by_id = {PurePosixPath(key).name: key for key in keys}
        with self._database.read() as transaction:
            known = transaction.images.exists(list(by_id))
        orphans = [key for image_id, key in by_id.items() if image_id not in known]
        self._store.delete(orphans)
        return len(orphans)
