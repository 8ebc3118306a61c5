"""Whether there is room for more work: uploads are refused before they are received, not lost after."""

import threading
import time

from veilgate.domain.errors import QueueFull
from veilgate.persistence.unit_of_work import Database

# How old a count may be. Uploads of one moment more than allowed do no harm; a count for each upload would.
_COUNT_AGE_S = 1.0


class Admission:
    """Bounds how many jobs wait."""

    def __init__(self, database: Database, *, max_waiting: int) -> None:
        self._database = database
        self._max_waiting = max_waiting
        self._turn = threading.Lock()
        self._counted_at_s = -_COUNT_AGE_S
        self._waiting = 0

    @property
    def is_stale(self) -> bool:
        return time.monotonic() - self._counted_at_s >= _COUNT_AGE_S

    def count(self) -> None:
        """Ask the database. Blocks; of several callers one asks and the others go on with what is known."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            with self._database.read() as transaction:
                self._waiting = transaction.jobs.count_waiting(at_most=self._max_waiting)
            self._counted_at_s = time.monotonic()
        finally:
            self._turn.release()

    def require_room(self) -> None:
        """Raises `QueueFull` when as many jobs wait as may, by the last count."""
        if self._waiting >= self._max_waiting:
            raise QueueFull(f"{self._max_waiting} jobs wait, which is the most this gateway takes on.")
