"""Whether there is room for more work: uploads are refused before they are received, not lost after."""

import random
import threading
import time
from copy import copy
from math import ceil

from veilgate.domain.errors import DiskFull, QueueFull
from veilgate.persistence.records import WaitingLine
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.jobs.pace import Pace
from veilgate.services.uploads.disk import Disk

# How old a count may be. Uploads of one moment more than allowed do no harm; a count for each upload would.
_COUNT_AGE_S = 1.0
# Once refused, uploads are taken again when there is room for this many seconds' work, but for no more than a
# twentieth of all: at the very bound one caller of a crowd would be let in and the others refused again.
_ROOM_S = 10
_ROOM_SHARE = 20
_UNKNOWN_PAUSE_S = 5
_STANDSTILL_PAUSE_S = 60
# With the half that is added by chance, ten minutes.
_LONGEST_PAUSE_S = 400

_ENDS = ("completed", "failed", "cancelled")


class Admission:
    """Bounds how many jobs wait, how long the oldest has waited that is due, and how full the disk gets.

    Those who are refused hear how many seconds it will take until there is room, from how fast jobs ended in
    the last two minutes, and up to half as long again by chance, so that they do not come back all at once.
    """

    def __init__(self, database: Database, disk: Disk, *, max_waiting: int, max_age_s: float) -> None:
        self._database = database
        self._disk = disk
        self._max_waiting = max_waiting
        self._max_age_s = max_age_s
        self._pace = Pace()
        self._turn = threading.Lock()
        self._counted_at_s = -_COUNT_AGE_S
        self._too_many = self._too_old = False
        self._queue_full: QueueFull | None = None
        self._disk_full: DiskFull | None = None

    @property
    def is_stale(self) -> bool:
        return time.monotonic() - self._counted_at_s >= _COUNT_AGE_S

    def count(self) -> None:
        """Look at the disk and ask the database. Blocks; of several callers one asks and the others go on
        with what is known."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            self._disk_full = self._look_at_disk()
            with self._database.read() as transaction:
                line = self._waiting_line(transaction)
                totals = transaction.totals.all()
            self._counted_at_s = time.monotonic()
            self._pace.note(sum(totals.get(name, 0) for name in _ENDS), at_s=self._counted_at_s)
            if not line.jobs:
                self._pace.forget()
            self._queue_full = self._judge(line)
        finally:
            self._turn.release()

    def require_room(self) -> None:
        """Raises `DiskFull` or `QueueFull`, by the last count."""
        if self._disk_full is not None:
            raise copy(self._disk_full)
        self._require_shorter_line()

    def check_queue(self) -> None:
        """Raises `QueueFull`, counting anew when the last count is old. Blocks."""
        if self.is_stale:
            self.count()
        self._require_shorter_line()

    def _require_shorter_line(self) -> None:
        if (full := self._queue_full) is not None:
            pause_s = full.retry_after_s
            spread_s = random.randint(0, ceil(pause_s / 2))  # noqa: S311 - nothing to guess
            raise QueueFull(full.message, retry_after_s=pause_s + spread_s)

    def _look_at_disk(self) -> DiskFull | None:
        try:
            self._disk.require_room()
        except DiskFull as error:
            return error
        return None

    def _waiting_line(self, transaction: Transaction) -> WaitingLine:
        return transaction.jobs.waiting_line(
            at_most=self._max_waiting, overdue_after_ms=int(self._reopening_age_s * 1000)
        )

    @property
    def _reopening_age_s(self) -> float:
        return self._max_age_s * (1 - 1 / _ROOM_SHARE)

    def _judge(self, line: WaitingLine) -> QueueFull | None:
        per_s = self._pace.per_s
        room = min(self._max_waiting // _ROOM_SHARE, int((per_s or 0) * _ROOM_S))
        most = self._max_waiting - room
        self._too_many = line.jobs >= (most if self._too_many else self._max_waiting)
        age_s = line.oldest_age_ms / 1000
        self._too_old = age_s > (self._reopening_age_s if self._too_old else self._max_age_s)
        if not self._too_many and not self._too_old:
            return None
        reason, leaving = "", 0
        if self._too_many:
            reason = f"{line.jobs} jobs wait, of at most {self._max_waiting} (MAX_QUEUE_SIZE). "
            leaving = line.jobs - most + 1
        if self._too_old:
            reason += f"One has waited {age_s:.0f} s, of at most {self._max_age_s:g} s (MAX_QUEUE_AGE_S). "
            leaving = max(leaving, line.overdue)
        return QueueFull(reason + self._describe_pace(), retry_after_s=_pause_s(leaving, per_s))

    def _describe_pace(self) -> str:
        per_s = self._pace.per_s
        if per_s is None:
            return "How fast they end is not known yet."
        if not per_s:
            return f"None has ended in the last {self._pace.watched_s:.0f} s: no worker seems to be at work."
        return f"About {per_s * 60:.3g} end each minute."


def _pause_s(leaving: int, per_s: float | None) -> int:
    """Whole seconds until so many have left, at that pace; at least one."""
    if per_s is None:
        return _UNKNOWN_PAUSE_S
    if not per_s:
        return _STANDSTILL_PAUSE_S
    return min(max(ceil(leaving / per_s), 1), _LONGEST_PAUSE_S)
