"""When callers are refused, what they are told, and when they are taken again."""

from pathlib import Path

import pytest

from tests.integration.persistence.databases import Shelf
from veilgate.domain.errors import DiskFull, QueueFull
from veilgate.services.uploads import admission as admission_module
from veilgate.services.uploads.admission import Admission
from veilgate.services.uploads.disk import Disk

MOST = 40
AGE_S = 100.0


class Clock:
    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(admission_module, "time", clock)
    return clock


class House:
    """A gateway's admission, and a hand that submits, ends and ages jobs."""

    def __init__(self, shelf: Shelf, clock: Clock, *, needed_bytes: int = 1) -> None:
        self._shelf = shelf
        self._clock = clock
        self._made = 0
        disk = Disk((shelf.folder,), needed_bytes=needed_bytes)
        self.admission = Admission(shelf.database, disk, max_waiting=MOST, max_age_s=AGE_S)

    def submit(self, jobs: int) -> None:
        self._shelf.add(*(f"job-{number}" for number in range(self._made, self._made + jobs)))
        self._made += jobs

    def end(self, jobs: int) -> None:
        """The oldest of those that wait."""
        with self._shelf.database.write() as transaction:
            oldest = [row["id"] for row in self._shelf.rows("SELECT id FROM jobs WHERE status = 'submitted'")]
            for job_id in sorted(oldest)[:jobs]:
                transaction.jobs.cancel(job_id)
            transaction.totals.add(cancelled=jobs)

    def age(self, job_id: str, seconds: float) -> None:
        """As if it had become due that long ago; less than nothing is a back-off."""
        with self._shelf.database.read() as transaction:
            due_ms = transaction.now_ms() - int(seconds * 1000)
        self._shelf.change(job_id, not_before_ms=due_ms)

    def passed(self, seconds: float, *, ended: int = 0) -> None:
        """So many seconds in which so many ended whom nobody here has seen waiting."""
        with self._shelf.database.write() as transaction:
            transaction.totals.add(completed=ended)
        self._clock.now_s += seconds

    def refusal(self) -> QueueFull | None:
        """What a caller is told who comes now."""
        self.admission.count()
        try:
            self.admission.require_room()
        except QueueFull as error:
            return error
        return None

    def pause_s(self) -> int:
        refusal = self.refusal()
        assert refusal
        return refusal.retry_after_s


@pytest.fixture
def house(shelf: Shelf, clock: Clock) -> House:
    return House(shelf, clock)


def test_as_many_as_may_wait_and_not_one_more(house: House) -> None:
    house.submit(MOST - 1)
    assert house.refusal() is None
    house.submit(1)
    refusal = house.refusal()
    assert refusal
    assert "40 jobs wait, of at most 40 (MAX_QUEUE_SIZE)." in refusal.message
    assert "not known yet" in refusal.message
    assert 5 <= refusal.retry_after_s <= 8


def test_the_pause_is_what_the_jobs_that_must_leave_take_at_the_pace_of_late(house: House) -> None:
    house.submit(MOST)
    house.refusal()
    house.passed(60, ended=6)  # one in ten seconds: room for one, and the first must leave as well
    refusal = house.refusal()
    assert refusal
    assert "About 6 end each minute." in refusal.message
    assert {10 <= house.pause_s() <= 30 for _ in range(50)} == {True}
    assert min(house.pause_s() for _ in range(100)) < max(house.pause_s() for _ in range(100))


def test_what_ended_long_ago_says_nothing(house: House) -> None:
    house.submit(MOST)
    house.refusal()
    house.passed(60, ended=1000)
    house.refusal()
    house.passed(121)
    refusal = house.refusal()
    assert refusal
    assert "not known yet" in refusal.message


def test_a_standstill_is_said_and_means_a_long_pause(house: House) -> None:
    house.submit(MOST)
    house.refusal()
    house.passed(30)
    refusal = house.refusal()
    assert refusal
    assert "None has ended in the last 30 s: no worker seems to be at work." in refusal.message
    assert 60 <= refusal.retry_after_s <= 90


def test_the_pause_is_whole_seconds_from_one_to_ten_minutes(house: House) -> None:
    house.submit(MOST)
    house.refusal()
    house.passed(100, ended=100_000)
    assert {house.pause_s() for _ in range(40)} == {1, 2}
    house.passed(119)
    house.passed(2, ended=0)
    house.refusal()
    house.passed(119, ended=1)
    house.age("job-0", AGE_S + 1)
    for number in range(1, MOST):
        house.age(f"job-{number}", AGE_S + 1)
    pauses = {house.pause_s() for _ in range(40)}
    assert max(pauses) <= 600
    assert min(pauses) >= 400
    assert {type(pause) for pause in pauses} == {int}


def test_once_full_it_opens_when_there_is_room_for_more_than_one(house: House) -> None:
    house.submit(MOST)
    house.refusal()
    house.passed(60, ended=120)  # two a second, of which a twentieth of all places is left free
    assert house.refusal()
    house.end(1)
    assert house.refusal()
    house.end(1)
    assert house.refusal()
    house.end(1)
    assert house.refusal() is None
    house.submit(2)
    assert house.refusal() is None, "and closes only when it is full again"
    house.submit(1)
    assert house.refusal()


def test_how_long_the_oldest_has_waited_is_bounded(house: House) -> None:
    house.submit(3)
    house.age("job-0", AGE_S - 1)
    assert house.refusal() is None
    house.age("job-0", AGE_S + 5)
    refusal = house.refusal()
    assert refusal
    assert "One has waited 105 s, of at most 100 s (MAX_QUEUE_AGE_S)." in refusal.message
    assert "MAX_QUEUE_SIZE" not in refusal.message
    house.age("job-0", AGE_S - 2)
    assert house.refusal(), "it opens a little below the bound"
    house.end(1)
    assert house.refusal() is None


def test_back_off_is_no_waiting_and_neither_is_age_since_the_upload(house: House, shelf: Shelf) -> None:
    house.submit(2)
    shelf.change("job-0", created_at_ms=1)
    house.age("job-1", -3600)
    assert house.refusal() is None


def test_jobs_in_workers_hands_do_not_wait(house: House, shelf: Shelf) -> None:
    house.submit(MOST)
    house.age("job-0", AGE_S * 2)
    assert shelf.claim("job-0")
    assert house.refusal() is None


def test_nobody_counts_twice_in_a_second(house: House, clock: Clock) -> None:
    stale = [house.admission.is_stale]
    house.refusal()
    stale.append(house.admission.is_stale)
    clock.now_s += 1
    stale.append(house.admission.is_stale)
    assert stale == [True, False, True]


def test_a_disk_without_room_for_another_upload_takes_none(shelf: Shelf, clock: Clock) -> None:
    house = House(shelf, clock, needed_bytes=1 << 62)
    house.admission.count()
    with pytest.raises(DiskFull, match="bytes left"):
        house.admission.require_room()
    house.admission.check_queue()


def test_a_folder_that_is_still_to_be_made_is_where_its_parent_is(tmp_path: Path) -> None:
    assert Disk((tmp_path / "a" / "b",), needed_bytes=1).free_bytes() > 1
