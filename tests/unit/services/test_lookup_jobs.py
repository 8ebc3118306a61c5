"""When a lookup is made: once for an image, and never lost, whoever commits first."""

import json
import time
from pathlib import Path

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from tests.unit.services.test_recorder import POLICY, end_of
from veilgate.domain.errors import ImageNotFound, ResultNotReady
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobKind, JobStatus, Lane
from veilgate.domain.options import UploadOptions
from veilgate.persistence.records import DueJob
from veilgate.services.engines.picture_ends import PictureEnds
from veilgate.services.engines.recorder import Recorder
from veilgate.services.engines.settlements import Settlement, Verdict
from veilgate.services.images.erase import AskedBy, Erase
from veilgate.services.jobs.job_control import JobControl
from veilgate.services.jobs.lookup_jobs import LookupJobs
from veilgate.services.jobs.lookups import AskedLookup, Lookups
from veilgate.services.jobs.redo import Redo
from veilgate.storage.local import LocalObjectStore

JOBS = LookupJobs(("google_vision", "ebay_image"))


class House:
    """A veil job's beginning and end, and those who ask for lookups meanwhile."""

    def __init__(self, shelf: Shelf, folder: Path) -> None:
        self.shelf = shelf
        self.store = LocalObjectStore(folder / "objects")
        self.submitted: list[DueJob] = []
        self.settled: list[Settlement] = []

    def accept(self, *, lookups: bool = False) -> str:
        image_id = new_id()
        self.shelf.add(image_id, lane=Lane.BULK)
        if lookups:
            self.shelf.change(image_id, then_lookup=True, correlation_id="c-1")
        return image_id

    def veil(self, job_id: str) -> None:
        """As a worker would, to the end."""
        fence = self.shelf.claim(job_id)
        assert fence
        ends = PictureEnds(self.shelf.database, self.store, JOBS)
        recorder = Recorder(
            self.shelf.database,
            ends,
            retry_policy=POLICY,
            settled=self.settled.append,
            wake=lambda _job_ids: None,
            submitted=self.submitted.append,
        )
        end = end_of(job_id, fence=fence)
        end.work.image_id, end.work.owner_id = self.shelf.job(job_id)["image_id"], OWNER
        recorder.work_ended(end)
        recorder.close()
        assert self.settled[-1].verdict is Verdict.COMPLETED

    def join(self, job_id: str) -> DueJob | None:
        """As an upload of the same picture does."""
        with self.shelf.database.write() as transaction:
            assert transaction.jobs.hold(job_id)
            return JOBS.follow(transaction, job_id)

    def ask(self, image_id: str, jobs: LookupJobs = JOBS) -> AskedLookup:
        return Lookups(self.shelf.database, jobs).ask(image_id, OWNER, correlation_id=None)

    def lookups(self) -> list[str]:
        return [row["id"] for row in self.shelf.rows("SELECT id FROM jobs WHERE kind = 'lookup' ORDER BY id")]


@pytest.fixture
def house(sqlite_shelf: Shelf, tmp_path: Path) -> House:
    return House(sqlite_shelf, tmp_path)


@pytest.fixture
def any_house(shelf: Shelf, tmp_path: Path) -> House:
    """On each database in turn, for what their SQL might do otherwise."""
    return House(shelf, tmp_path)


def test_the_transaction_that_shows_a_result_makes_the_lookup_that_was_asked_for(any_house: House) -> None:
    wanted, other = any_house.accept(lookups=True), any_house.accept()
    any_house.veil(wanted)
    any_house.veil(other)
    (lookup,) = any_house.lookups()
    assert any_house.submitted == [DueJob(lookup, JobKind.LOOKUP, Lane.BULK)]
    job = any_house.shelf.job(lookup)
    assert (job["image_id"], job["owner_id"], job["correlation_id"]) == (wanted, OWNER, "c-1")
    assert (job["status"], job["event_seq"]) == ("submitted", 1)
    with any_house.shelf.database.read() as transaction:
        (first,) = transaction.events.after(lookup, 0)
    assert json.loads(first.payload)["providers"] == ["google_vision", "ebay_image"]
    assert lookup > wanted


def test_whoever_joins_before_the_end_or_after_it_has_the_same_lookup(house: House) -> None:
    early, late = house.accept(), house.accept()
    assert house.join(early) is None
    house.veil(early)
    house.veil(late)
    due = house.join(late)
    assert due
    assert [house.shelf.job(one)["image_id"] for one in house.lookups()] == [early, late]
    assert house.join(early) is None, "one stands for it"
    assert house.join(late) is None
    assert len(house.lookups()) == 2


@pytest.mark.parametrize("end", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_lookup_that_ended_in_vain_stands_for_nothing(house: House, end: JobStatus) -> None:
    image_id = house.accept(lookups=True)
    house.veil(image_id)
    house.shelf.change(house.lookups()[0], status=end)
    due = house.join(image_id)
    assert due
    assert due.id == house.lookups()[1]


def test_with_other_providers_a_picture_is_worth_another_look(house: House) -> None:
    image_id = house.accept(lookups=True)
    house.veil(image_id)
    with house.shelf.database.write() as transaction:
        assert LookupJobs(("ebay_image", "google_vision")).follow(transaction, image_id) is None
        assert LookupJobs(("ebay_image",)).follow(transaction, image_id)


def test_who_asks_for_an_image_joins_what_is_under_way_and_else_asks_anew(any_house: House) -> None:
    image_id = any_house.accept()
    asked = any_house.ask(image_id)
    assert (asked.job_id, asked.after_job_id, asked.new) == (None, image_id, None)
    any_house.veil(image_id)
    (first,) = any_house.lookups()
    joined = any_house.ask(image_id)
    assert (joined.job_id, joined.new) == (first, None)
    any_house.shelf.change(first, status=JobStatus.COMPLETED)
    anew = any_house.ask(image_id)
    assert anew.new
    assert anew.job_id == anew.new.id == any_house.lookups()[1]
    assert any_house.shelf.job(first)["dedup_key"] is None


def test_an_image_that_shows_nothing_and_will_not_is_not_looked_up(house: House) -> None:
    image_id = house.accept()
    house.shelf.change(image_id, status=JobStatus.FAILED)
    with pytest.raises(ResultNotReady):
        house.ask(image_id)
    for unknown in (new_id(), "no id"):
        with pytest.raises(ImageNotFound):
            house.ask(unknown)
    with pytest.raises(ImageNotFound):
        Lookups(house.shelf.database, JOBS).ask(image_id, "somebody else", correlation_id=None)


def test_an_image_that_is_done_again_is_looked_up_again_if_that_is_asked_for(house: House) -> None:
    image_id = house.accept(lookups=True)
    house.veil(image_id)
    redo = Redo(house.shelf.database)
    plain = redo.redo(image_id, OWNER, UploadOptions(), correlation_id=None)
    house.veil(plain.job_id)
    assert len(house.lookups()) == 1
    again = redo.redo(image_id, OWNER, UploadOptions(lookups=True), correlation_id=None)
    house.veil(again.job_id)
    assert len(house.lookups()) == 2


def redone(house: House, image_id: str, *, lookups: bool = False) -> str:
    redo = Redo(house.shelf.database)
    return redo.redo(image_id, OWNER, UploadOptions(lookups=lookups), correlation_id=None).job_id


@pytest.mark.parametrize("end", [JobStatus.FAILED, JobStatus.CANCELLED, None])
def test_a_lookup_that_was_promised_follows_whichever_job_is_shown(
    any_house: House, end: JobStatus | None
) -> None:
    """The job that it was to follow ends in vain, or after the redo, whose result is shown then."""
    image_id = any_house.accept()
    assert any_house.ask(image_id).after_job_id == image_id
    newer = redone(any_house, image_id)
    if end is JobStatus.CANCELLED:
        JobControl(any_house.shelf.database).cancel(image_id, OWNER)
    elif end is JobStatus.FAILED:
        any_house.shelf.change(image_id, status=end, finished_at_ms=int(time.time() * 1000) + 1000)
    any_house.veil(newer)
    assert len(any_house.lookups()) == 1
    if end is None:
        any_house.veil(image_id)
        assert len(any_house.lookups()) == 1, "its lookup has been made"


def test_what_still_waits_will_be_shown_though_a_redo_was_cancelled(house: House) -> None:
    image_id = house.accept()
    JobControl(house.shelf.database).cancel(redone(house, image_id), OWNER)
    assert house.ask(image_id).after_job_id == image_id
    house.veil(image_id)
    assert len(house.lookups()) == 1


def test_a_job_that_is_shown_first_leaves_a_redo_its_lookup(house: House) -> None:
    image_id = house.accept()
    newer = redone(house, image_id, lookups=True)
    house.veil(image_id)
    assert house.lookups() == []
    house.veil(newer)
    assert len(house.lookups()) == 1


def test_who_does_an_image_again_whose_lookup_came_to_nothing_has_not_asked_for_one(house: House) -> None:
    image_id = house.accept(lookups=True)
    house.shelf.change(image_id, status=JobStatus.FAILED, finished_at_ms=1)
    house.veil(redone(house, image_id))
    assert house.lookups() == []


def test_lookups_are_cancelled_and_tried_again_without_an_original(house: House) -> None:
    image_id = house.accept(lookups=True)
    house.veil(image_id)
    (lookup,) = house.lookups()
    control = JobControl(house.shelf.database)
    control.cancel(lookup, OWNER)
    with house.shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE processed_images SET original_dropped_at_ms = 1")
        assert transaction.totals.all()["lookups_cancelled"] == 1
        assert "cancelled" not in transaction.totals.all()
    assert control.retry(lookup, OWNER).status is JobStatus.SUBMITTED


def test_an_image_that_is_erased_takes_its_lookups_along(house: House) -> None:
    image_id = house.accept(lookups=True)
    house.veil(image_id)
    erased = Erase(house.shelf.database, house.store).erase(image_id, OWNER, AskedBy("test"))
    assert len(erased.job_ids) == 2
    assert house.shelf.rows("SELECT id FROM jobs") == []
