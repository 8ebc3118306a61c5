"""Slow tidying: objects that no row points to, keys nobody will use again."""

import time
from collections.abc import Callable, Sequence
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
# A year can be looked back at whenever somebody asks, and a month later.
_KEPT_DAYS = 400
_DAYS_LOOKED_AT = 32
_PAGE = 500
# After something went wrong with what is done in every round: the rounds have more to do than to wait for it.
_OFTEN_PAUSE_S = 30.0

Step = Callable[[], object]


class Housekeeping:
    """`also` are further steps; `often` are those that do not wait for the next run."""

    def __init__(
        self, database: Database, store: ObjectStore, *, also: Sequence[Step] = (), often: Sequence[Step] = ()
    ) -> None:
        self._database = database
        self._store = store
        self._also = also
        self._often = often
        self._often_again_s = 0.0

    def run(self) -> None:
        """Every step may be done at any time; one that fails is logged, keeps no other from being done, and
        is tried again in the next round."""
        for step in (
            self.forget_keys,
            self.forget_sessions,
            self.forget_links,
            self.forget_audit,
            self.forget_spending,
            self.remove_lost_originals,
            self.remove_announced,
            self.remove_unfinished,
            *self._also,
        ):
            _is_done(step)

    def run_often(self) -> None:
        """What is cheap when there is nothing to do."""
        if time.monotonic() < self._often_again_s:
            return
        done = [_is_done(step) for step in self._often]
        if not all(done):
            self._often_again_s = time.monotonic() + _OFTEN_PAUSE_S

    def forget_keys(self) -> None:
        with self._database.write() as transaction:
            transaction.idempotency.forget_older_than(_IDEMPOTENCY_KEPT_S * 1000)

    def forget_sessions(self) -> None:
        with self._database.write() as transaction:
            transaction.sessions.forget_expired()

    def forget_links(self) -> None:
        with self._database.write() as transaction:
            transaction.shared_links.forget_expired()

    def forget_audit(self) -> None:
        with self._database.write() as transaction:
            transaction.audit.forget_older_than(_KEPT_DAYS * _DAY_S * 1000)

    def forget_spending(self) -> None:
        with self._database.write() as transaction:
            transaction.spending.forget_older_than(_KEPT_DAYS)

    def remove_lost_originals(self) -> None:
        """Of the day before yesterday, and of the month before it in case nobody looked then."""
        for days_ago in range(2, _DAYS_LOOKED_AT):
            if removed := self.remove_orphans(original_day_prefix(time.time() - days_ago * _DAY_S)):
                _log.info("housekeeping.orphans_removed", objects=removed)

    def remove_unfinished(self) -> None:
        """What is half written may be of a picture that nobody has veiled."""
        if removed := self._store.remove_unfinished(older_than_s=_DAY_S):
            _log.info("housekeeping.unfinished_removed", objects=removed)

    def remove_orphans(self, day_prefix: str) -> int:
        """Delete the originals of a past day that have no row: uploads that died before their commit. Also
        those of which the store hides a version; returns how many."""
        removed, page = set[str](), list[str]()
        for key in self._store.traces(day_prefix):
            page.append(key)
            if len(page) == _PAGE:
                removed |= self._remove_unknown(page)
                page = []
        return len(removed | self._remove_unknown(page))

    def remove_announced(self) -> None:
        """Forget direct uploads of the day before yesterday, with what was put for them and never taken, or
        put again after it was. Objects go first: a row without its object is found again next time."""
        while True:
            with self._database.read() as transaction:
                old = transaction.direct_uploads.older_than(_ANNOUNCED_KEPT_S * 1000, limit=_PAGE)
            if not old:
                return
            self._store.erase(list(old.values()))
            with self._database.write() as transaction:
                transaction.direct_uploads.forget(list(old))
            _log.info("housekeeping.direct_uploads_forgotten", uploads=len(old))

    def _remove_unknown(self, keys: list[str]) -> set[str]:
        if not keys:
            return set()
        by_id = {PurePosixPath(key).name: key for key in keys}
        with self._database.read() as transaction:
            known = transaction.images.exists(list(by_id))
        orphans = [key for image_id, key in by_id.items() if image_id not in known]
        self._store.erase(orphans)
        return set(orphans)


def _is_done(step: Step) -> bool:
    try:
        step()
    except (VeilgateError, OSError) as error:
        name = getattr(step, "__name__", repr(step))
        _log.warning("housekeeping.failed", step=name, error=type(error).__name__)
        return False
    return True
