"""An index that follows the log of its model: built from the database if need be, saved now and then."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np

from veilgate.domain.errors import IndexNotReady, VeilgateError
from veilgate.domain.search import IndexOperation
from veilgate.persistence.search_records import IndexModel
from veilgate.persistence.unit_of_work import Database
from veilgate.search.ports import Answer, IndexEntry, VectorIndex, VectorQuery
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_PAGE = 1000
_LONGEST_PAUSE_S = 15.0
# The next save may be one of a gigabyte.
_LONGEST_SAVE_PAUSE_S = 300.0
OpenIndex = Callable[[IndexModel], VectorIndex]


@dataclass(frozen=True, slots=True)
class FollowerTiming:
    """`save_after` changes, or when the oldest one that is not saved is `save_after_s` old."""

    poll_s: float = 0.2
    save_after: int = 20_000
    save_after_s: float = 60.0


class FollowerState(StrEnum):
    OPENING = "opening"
    BUILDING = "building"
    FOLLOWING = "following"


class _Closing(Exception):
    """Nobody waits for what was begun."""


class IndexFollower:
    """A thread of its own writes the index; `search` may be called from any other, also while the index is
    built anew."""

    def __init__(
        self,
        database: Database,
        model: IndexModel,
        *,
        open_index: OpenIndex,
        timing: FollowerTiming | None = None,
    ) -> None:
        self.model_id, self.dimensions = model.model_id, model.dimensions
        self.named_at_ms = model.changed_at_ms
        self._database = database
        self._timing = timing or FollowerTiming()
        self._open = partial(open_index, model)
        self._opened: VectorIndex | None = None
        self._state = FollowerState.OPENING
        self._is_ready = False
        self._must_rebuild = False
        # How far the log was read, and how far it went when it was looked at.
        self._followed_to, self._last_seq = 0, 0
        self._caught_up_s = time.monotonic()
        self._unsaved = 0
        self._unsaved_since_s = self._save_not_before_s = 0.0
        self._saves_failed = 0
        self._builds, self._read = 0, 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"follow {self.model_id}", daemon=True)

    @property
    def seq(self) -> int:
        """Every line of the model's log up to this one is in the index."""
        return self._followed_to if self._is_ready else 0

    @property
    def is_ready(self) -> bool:
        return self._is_ready

    @property
    def is_caught_up(self) -> bool:
        return self._is_ready and self._state is FollowerState.FOLLOWING and self._behind == 0

    def start(self) -> None:
        self._thread.start()

    def search(self, queries: Sequence[VectorQuery]) -> list[Answer]:
        if not self._is_ready or self._opened is None:
            raise IndexNotReady
        return self._opened.search(queries)

    def rebuild(self) -> None:
        """Soon, in the follower's own thread; until it is done the index answers as it is."""
        self._must_rebuild = True

    def facts(self) -> dict[str, Any]:
        """What /health shows of it."""
        lag_s = time.monotonic() - self._caught_up_s
        return {
            "model": self.model_id,
            "dimensions": self.dimensions,
            "state": self._state,
            "ready": self._is_ready,
            "seq": self._followed_to,
            "size": self._opened.size if self._opened else 0,
            "behind": self._behind,
            # How often it was built in this life, and how many rows the last time has read so far.
            "builds": self._builds,
            "read": self._read,
            "lag_s": round(lag_s, 1) if lag_s > self._timing.poll_s * 5 else 0.0,
        }

    def close(self) -> None:
        """Save what has been followed, and end."""
        self._closing.set()
        self._thread.join()
        if self._opened is None:
            return
        if self._unsaved:
            self._save(self._opened)
        self._opened.close()

    @property
    def _behind(self) -> int:
        return max(0, self._last_seq - self._followed_to)

    def _loop(self) -> None:
        pause_s, trouble = self._timing.poll_s, ""
        while not self._closing.is_set():
            try:
                self._follow()
                pause_s, trouble = self._timing.poll_s, ""
            except _Closing:
                return
            except VeilgateError as error:
                if error.code != trouble:
                    _log.warning("index.waits", model=self.model_id, error=error.code, reason=error.message)
                trouble = error.code
            except Exception:  # noqa: BLE001 - an index that failed once is not to be trusted
                _log.exception("index.failed", model=self.model_id)
                self._must_rebuild, pause_s = True, min(_LONGEST_PAUSE_S, pause_s * 2)
            self._closing.wait(pause_s)

    def _follow(self) -> None:
        index = self._opened
        if index is None:
            index = self._opened = self._open()
            self._followed_to = index.seq
        with self._database.read() as transaction:
            self._last_seq = transaction.embeddings.last_seq()
            oldest = transaction.embeddings.oldest_logged() or self._last_seq + 1
        is_new = not self._is_ready and not self._followed_to
        # Beyond the end of the log is an index of a database that was put back to an earlier state.
        if self._must_rebuild or is_new or not oldest - 1 <= self._followed_to <= self._last_seq:
            self._build(index)
        self._catch_up(index)
        self._state = FollowerState.FOLLOWING
        self._is_ready, self._caught_up_s = True, time.monotonic()
        if self._is_save_due(index):
            self._save(index)

    def _build(self, index: VectorIndex) -> None:
        """From all that the model has embedded. The log from there on is replayed: what was added meanwhile
        is found once, what was removed is gone."""
        self._state = FollowerState.BUILDING
        began_s = time.monotonic()
        with self._database.read() as transaction:
            seq = transaction.embeddings.last_seq()
        reason = getattr(index, "reason", None)
        _log.info("index.building", model=self.model_id, up_to=seq, reason=reason)
        failpoint("before_index_build")
        index.build(self._all_up_to(seq), seq=seq)
        self._followed_to, self._must_rebuild = seq, False
        self._builds += 1
        took_s = round(time.monotonic() - began_s, 2)
        _log.info("index.built", model=self.model_id, size=index.size, took_s=took_s)
        self._note_unsaved(1)  # it is due until it is saved
        self._save(index)

    def _all_up_to(self, seq: int) -> Iterator[IndexEntry]:
        after = self._read = 0
        while not self._closing.is_set():
            with self._database.read() as transaction:
                page = transaction.embeddings.page_of(self.model_id, after_seq=after, limit=_PAGE)
            self._read += len(page)
            for row in page:
                if row.seq <= seq:
                    yield self._entry(row.seq, IndexOperation.ADD, row.image_id, row.owner_id, row.vector)
            if len(page) < _PAGE or page[-1].seq > seq:
                return
            after = page[-1].seq
        raise _Closing

    def _catch_up(self, index: VectorIndex) -> None:
        while not self._closing.is_set():
            with self._database.read() as transaction:
                last_seq = transaction.embeddings.last_seq()
                lines = transaction.embeddings.log_after(
                    self._followed_to, model_id=self.model_id, limit=_PAGE
                )
            if lines:
                index.apply(
                    [
                        self._entry(line.seq, line.operation, line.image_id, line.owner_id, line.vector)
                        for line in lines
                    ]
                )
                self._note_unsaved(len(lines))
                failpoint("index_applied")
            self._last_seq = max(last_seq, self._last_seq)
            if len(lines) < _PAGE:
                # Lines of other models and none of ours: there is nothing to wait for up to there.
                self._followed_to = max(last_seq, lines[-1].seq if lines else 0)
                return
            self._followed_to = lines[-1].seq

    def _entry(
        self, seq: int, operation: IndexOperation, image_id: str, owner_id: str, vector: bytes | None
    ) -> IndexEntry:
        if vector is not None and len(vector) != self.dimensions * 4:
            _log.error("index.odd_vector", model=self.model_id, image_id=image_id, bytes=len(vector))
            vector = None
        row = None if vector is None else np.frombuffer(vector, "<f4")
        return IndexEntry(seq, operation, image_id, owner_id, row)

    def _note_unsaved(self, changes: int) -> None:
        if not self._unsaved:
            self._unsaved_since_s = time.monotonic()
        self._unsaved += changes

    def _is_save_due(self, index: VectorIndex) -> bool:
        if time.monotonic() < self._save_not_before_s or not (self._unsaved or index.has_leavings):
            return False
        age_s = time.monotonic() - self._unsaved_since_s
        return self._unsaved >= self._timing.save_after or age_s >= self._timing.save_after_s

    def _save(self, index: VectorIndex) -> None:
        """What cannot be saved stays due, and is followed again after a start that comes before."""
        try:
            index.save()
        except OSError as error:
            self._saves_failed += 1
            pause_s = min(_LONGEST_SAVE_PAUSE_S, self._timing.poll_s * 2**self._saves_failed)
            self._save_not_before_s = time.monotonic() + pause_s
            _log.warning("index.not_saved", model=self.model_id, error=type(error).__name__)
            return
        self._unsaved = self._saves_failed = 0
