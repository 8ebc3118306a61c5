"""Uploads that share a commit: all are written, and each hears only of its own misfortune."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event

from tests.integration.persistence.databases import OWNER, Shelf
from tests.waiting import wait_until
from veilgate.domain.errors import DatabaseUnavailable
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobKind, JobStatus, Lane
from veilgate.domain.rejections import IdempotencyConflict
from veilgate.persistence.engine import open_engine
from veilgate.persistence.new_uploads import NewUpload
from veilgate.persistence.races import UploadedByAnother, WrittenByAnother
from veilgate.persistence.records import NewEvent, NewImage, NewJob
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.uploads.shared_commit import Entry, SharedCommit

Beside = Callable[[Transaction], None]


def entry(beside: Beside = lambda _transaction: None, *, dedup_key: str | None = None) -> Entry:
    own = new_id()
    image = NewImage(own, OWNER, "0" * 64, "a.jpg", 1, "jpeg", 10, 10, f"original/2026/01/01/{own}")
    job = NewJob(own, OWNER, own, JobKind.VEIL, Lane.BULK, "{}", None, dedup_key)
    return Entry(NewUpload(image, job, NewEvent("job", "submitted", "{}")), beside)


def under_key(key: str) -> Entry:
    made = entry()

    def bind(transaction: Transaction) -> None:
        transaction.idempotency.insert(key, owner_id=OWNER, fingerprint="f", job_id=made.rows.job.id)

    made.beside = bind
    return made


def written(shelf: Shelf) -> set[str]:
    """The jobs that are there with all that belongs to them."""
    rows = shelf.rows(
        "SELECT jobs.id FROM jobs JOIN processed_images ON processed_images.id = jobs.image_id"
        " JOIN stage_events ON stage_events.job_id = jobs.id AND stage_events.seq = 1"
    )
    return {row["id"] for row in rows}


def ids(entries: list[Entry]) -> set[str]:
    return {each.rows.job.id for each in entries}


class Crowd:
    """Entries that come while another is being written, and so make one group."""

    def __init__(self, commits: SharedCommit, pool: ThreadPoolExecutor) -> None:
        self._commits = commits
        self._pool = pool
        self._may_end = threading.Event()

    def write(self, entries: list[Entry]) -> list[BaseException | None]:
        """What each is told."""
        holds = threading.Event()

        def hold(_transaction: Transaction) -> None:
            holds.set()
            assert self._may_end.wait(10)

        first = self._pool.submit(self._commits.write, entry(hold))
        assert holds.wait(10)
        others: list[Future[None]] = []
        for count, each in enumerate(entries, start=1):
            others.append(self._pool.submit(self._commits.write, each))
            wait_until(lambda n=count: len(self._commits._waiting) == n, timeout_s=10, what="the line")  # type: ignore[misc]
        self._may_end.set()
        first.result(20)
        return [other.exception(20) for other in others]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


def test_those_who_wait_share_one_commit(shelf: Shelf, pool: ThreadPoolExecutor) -> None:
    entries = [entry() for _ in range(20)]
    commits: list[int] = []
    event.listen(shelf.engine, "commit", lambda _connection: commits.append(1))
    assert Crowd(SharedCommit(shelf.database), pool).write(entries) == [None] * 20
    assert written(shelf) >= ids(entries)
    assert len(commits) == 2, "the first one's, and one for all who came meanwhile"


def test_more_than_one_group_takes_are_all_written(shelf: Shelf, pool: ThreadPoolExecutor) -> None:
    entries = [entry() for _ in range(39)]
    commits = SharedCommit(shelf.database)
    assert Crowd(commits, pool).write(entries) == [None] * 39
    assert written(shelf) >= ids(entries)
    assert not commits._waiting


def test_one_that_is_refused_takes_nobody_along(shelf: Shelf, pool: ThreadPoolExecutor) -> None:
    def refuse(_transaction: Transaction) -> None:
        raise IdempotencyConflict

    entries = [entry(), entry(refuse), entry()]
    told = Crowd(SharedCommit(shelf.database), pool).write(entries)
    assert [type(error) for error in told] == [type(None), IdempotencyConflict, type(None)]
    assert written(shelf) & ids(entries) == ids([entries[0], entries[2]])
    assert not entries[1].may_be_written


def test_two_with_the_same_key_in_one_group_end_as_if_they_had_come_one_by_one(
    shelf: Shelf, pool: ThreadPoolExecutor
) -> None:
    entries = [under_key("k"), under_key("k"), under_key("other")]
    told = Crowd(SharedCommit(shelf.database), pool).write(entries)
    assert [type(error) for error in told] == [type(None), WrittenByAnother, type(None)]
    assert written(shelf) & ids(entries) == ids([entries[0], entries[2]])


class LosesTheServer(Database):
    """Goes away at a chosen moment of the second write, and may be back for who reads after it."""

    def __init__(self, shelf: Shelf, *, when_committing: bool, is_back: bool = False) -> None:
        super().__init__(shelf.engine)
        self._when_committing = when_committing
        self._is_back = is_back
        self.writes = self.reads = 0

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self.writes += 1
        with super().write() as transaction:
            if self.writes == 2 and not self._when_committing:
                raise DatabaseUnavailable
            yield transaction
        if self.writes == 2:
            raise DatabaseUnavailable  # the commit was sent, and its answer never came

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        self.reads += 1
        if not self._is_back:
            raise DatabaseUnavailable
        with super().read() as transaction:
            yield transaction


@pytest.mark.parametrize("when_committing", [False, True])
def test_a_server_that_goes_away_is_told_to_all_and_asked_once(
    shelf: Shelf, pool: ThreadPoolExecutor, when_committing: bool
) -> None:
    database = LosesTheServer(shelf, when_committing=when_committing)
    entries = [entry() for _ in range(3)]
    told = Crowd(SharedCommit(database), pool).write(entries)
    assert [type(error) for error in told] == [DatabaseUnavailable] * 3
    assert database.writes == 2, "no second try, which would only keep the callers waiting"
    assert [each.may_be_written for each in entries] == [when_committing] * 3
    assert bool(written(shelf) & ids(entries)) == when_committing


def test_a_commit_whose_reply_was_lost_is_looked_up_once_for_all(
    shelf: Shelf, pool: ThreadPoolExecutor
) -> None:
    database = LosesTheServer(shelf, when_committing=True, is_back=True)
    entries = [entry() for _ in range(3)]
    assert Crowd(SharedCommit(database), pool).write(entries) == [None] * 3
    assert written(shelf) >= ids(entries)
    assert (database.writes, database.reads) == (2, 1)


def test_one_whose_picture_is_known_takes_nobody_along(shelf: Shelf, pool: ThreadPoolExecutor) -> None:
    entries = [entry(dedup_key="k"), entry(dedup_key="other"), entry(dedup_key="k"), entry()]
    told = Crowd(SharedCommit(shelf.database), pool).write(entries)
    assert [type(error) for error in told] == [type(None), type(None), UploadedByAnother, type(None)]
    assert written(shelf) & ids(entries) == ids([entries[0], entries[1], entries[3]])
    assert not entries[2].may_be_written


@pytest.mark.parametrize("status", JobStatus)
def test_a_key_is_taken_only_from_a_job_that_ended_in_vain(shelf: Shelf, status: JobStatus) -> None:
    commits, first, second = SharedCommit(shelf.database), entry(dedup_key="k"), entry(dedup_key="k")
    commits.write(first)
    shelf.change(first.rows.job.id, status=status)
    second.releases_key = True
    if status in {JobStatus.FAILED, JobStatus.CANCELLED}:
        commits.write(second)
        assert [shelf.job(each.rows.job.id)["dedup_key"] for each in (first, second)] == [None, "k"]
        return
    with pytest.raises(UploadedByAnother):
        commits.write(second)
    assert shelf.job(first.rows.job.id)["dedup_key"] == "k"


def test_a_gateway_that_froze_before_its_commit_holds_up_no_other(mariadb_shelf: Shelf) -> None:
    """On SQLite all writers take turns; on a server an upload has rows of its own alone."""
    frozen, goes_on = threading.Event(), threading.Event()
    other = Database(open_engine(mariadb_shelf.url))
    SharedCommit(other).write(entry())

    def freeze(_connection: Connection) -> None:
        frozen.set()
        goes_on.wait(30)

    event.listen(mariadb_shelf.engine, "commit", freeze)
    with ThreadPoolExecutor(1) as pool:
        freezes = pool.submit(SharedCommit(mariadb_shelf.database).write, entry())
        try:
            assert frozen.wait(10)
            SharedCommit(other).write(entry())
        finally:
            goes_on.set()
        freezes.result(20)
    other.close()


def test_the_next_one_is_written_after_a_failure(shelf: Shelf, pool: ThreadPoolExecutor) -> None:
    commits = SharedCommit(LosesTheServer(shelf, when_committing=False))
    Crowd(commits, pool).write([entry()])
    later = entry()
    commits.write(later)
    assert later.rows.job.id in written(shelf)
