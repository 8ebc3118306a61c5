"""Many uploads, one commit: whoever waits for the database shares the next transaction with the others.

A commit costs a sync to disk however much it carries. Grouping is by need, not by waiting: an upload that
finds nobody at work commits at once, and those that come meanwhile go together after it.
"""

import threading
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field

from veilgate.domain.errors import DatabaseUnavailable, Unavailable, VeilgateError
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.dedup_keys import release_keys
from veilgate.persistence.new_uploads import NewUpload, insert_uploads
from veilgate.persistence.unit_of_work import Database, Transaction

_LARGEST_GROUP = 64


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class Entry:
    """One upload's rows, and `beside`, which writes what belongs to them in the same transaction.

    With `releases_key`, its de-duplication key is first taken from a job that failed or was cancelled.
    `may_be_written` says, when `SharedCommit.write` has raised, that the end of the commit is unknown.
    """

    rows: NewUpload
    beside: Callable[[Transaction], None]
    releases_key: bool = False
    may_be_written: bool = False
    is_done: bool = False
    turn: threading.Lock = field(default_factory=_locked)
    # What whoever waits is told, unless somebody says otherwise.
    error: Exception | None = field(default_factory=DatabaseUnavailable)


class SharedCommit:
    """The first who comes writes for all who wait; there is no thread of its own to look after."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: list[Entry] = []
        self._is_busy = False

    def write(self, entry: Entry) -> None:
        """Returns when the entry is committed; raises what went wrong with it."""
        with self._lock:
            self._waiting.append(entry)
            must_wait, self._is_busy = self._is_busy, True
        if must_wait:
            entry.turn.acquire()
        if not entry.is_done:
            self._write_for_all()
        if entry.error is not None:
            raise entry.error

    def _write_for_all(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting[:_LARGEST_GROUP], self._waiting[_LARGEST_GROUP:]
        try:
            self._commit(group)
        finally:
            self._hand_on(group)

    def _hand_on(self, group: list[Entry]) -> None:
        """Wake those who were written, and the one who writes next: nobody else."""
        with self._lock:
            following = self._waiting[:1]
            self._is_busy = bool(following)
        for entry in group:
            entry.is_done = True
        for entry in (*following, *group):
            entry.turn.release()

    def _commit(self, group: list[Entry]) -> None:
        """Together; singly when one of them is refused, so that only this one hears of it."""
        try:
            self._write(group)
        except Exception as error:  # noqa: BLE001 - each hears of it in its own thread
            if group[0].may_be_written and self._is_written(group):
                for entry in group:
                    entry.error = None
                return
            together = len(group) > 1 and not group[0].may_be_written
            if together and not isinstance(error, Unavailable):
                self._commit_singly(group)
                return
            for entry in group:
                # Each raises its own: one object in many threads would gather all their tracebacks.
                entry.error = copy(error)
                entry.error.__cause__ = error

    def _commit_singly(self, group: list[Entry]) -> None:
        for entry in group:
            self._commit([entry])
            if isinstance(entry.error, Unavailable):
                return  # the others would wait as long for as little, and are told the same

    def _is_written(self, group: list[Entry]) -> bool:
        """Whether a commit whose reply was lost is there: looked up once, for all, on another connection.

        That it is not there says little: the server may still be at it.
        """
        one = group[0].rows.job
        try:
            with self._database.read() as transaction:
                return transaction.jobs.get(one.id, owner_id=one.owner_id) is not None
        except VeilgateError:
            return False

    @again_after_deadlock
    def _write(self, group: list[Entry]) -> None:
        for entry in group:
            entry.may_be_written = False
        released = [key for entry in group if entry.releases_key and (key := entry.rows.job.dedup_key)]
        with self._database.write() as transaction:
            if released:
                release_keys(transaction.connection, released)
            insert_uploads(transaction.connection, [entry.rows for entry in group])
            for entry in group:
                entry.beside(transaction)
            for entry in group:
                entry.may_be_written = True
        for entry in group:
            entry.error = None
