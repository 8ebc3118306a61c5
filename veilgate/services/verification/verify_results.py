"""Results against jobs: each completed job has its files."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

from veilgate.domain.errors import QueueUnavailable
from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureFormat
from veilgate.domain.rejections import InputRejected
from veilgate.persistence.inventory import CompletedJob, Inventory, LaterJob
from veilgate.persistence.records import DueJob
from veilgate.persistence.unit_of_work import Database
from veilgate.services.images.object_pages import PAGE, ask_of_each, size_of
from veilgate.services.jobs.missing_jobs import MissingJobs
from veilgate.services.jobs.redo import Redo
from veilgate.services.verification.verification import Finding, LookedAt
from veilgate.storage.keys import THUMBNAIL_SIDES_PX, processed_key, thumbnail_key
from veilgate.storage.ports import ObjectStore


class LostResults:
    """`result_missing`: a job completed, and files of its result are not there.

    Not if the same was asked for again since, and waits, runs or is done: that is what the repair does, and
    why doing it twice changes nothing. But whoever sends the picture again must not be answered with what is
    lost, so that a job with its de-duplication key is found all the same.
    """

    looks_at = "results"

    def __init__(self, database: Database, store: ObjectStore, missing_jobs: MissingJobs) -> None:
        self._database = database
        self._store = store
        self._missing_jobs = missing_jobs
        self._redo = Redo(database)

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        place = None
        while True:
            with self._database.read() as transaction:
                page = Inventory(transaction.connection).completed_after(place, limit=PAGE)
            if not page:
                return
            place = page[-1].place
            lost = zip(page, ask_of_each(self._missing_files, page), strict=True)
            for job in (job for job, files in lost if files):
                yield from self._look_again(job.id)
            looked_at(len(page))

    def _look_again(self, job_id: str) -> Iterator[Finding]:
        with self._database.read() as transaction:
            inventory = Inventory(transaction.connection)
            job = inventory.completed_job(job_id)
            later = inventory.veil_jobs_of_image_after(job.image_id, job_id) if job else []
        files = self._missing_files(job) if job else []
        if not job or not files:
            return
        stand_in = next((other.id for other in later if _stands_in(other, job)), None)
        if stand_in and not job.has_dedup_key:
            return
        text = f"{', '.join(files)} below {job.result_key} {'is' if len(files) == 1 else 'are'} missing"
        why_not = "" if stand_in else self._why_no_redo(job, later)
        repair = partial(_point_out, stand_in) if stand_in else partial(self._do_again, job, later)
        yield Finding(
            "result_missing",
            f"job {job_id}",
            text,
            None if why_not else repair,
            why_not,
            relieve=partial(self._release_key, job_id),
        )

    def _missing_files(self, job: CompletedJob) -> list[str]:
        prefix = job.result_key or ""
        wanted = {
            processed_key(prefix, PictureFormat(job.format).served_as.suffix),
            *(thumbnail_key(prefix, side_px) for side_px in THUMBNAIL_SIDES_PX),
        }
        found = set(self._store.list(prefix)) if prefix else set()
        return sorted(key.removeprefix(prefix) for key in wanted - found)

    def _why_no_redo(self, job: CompletedJob, later: list[LaterJob]) -> str:
        if _options(job.options) is None:
            return "this version does not know its options"
        if not job.is_shown:
            return "the image shows a newer result, which doing this one again would replace"
        if any(not other.status.is_terminal for other in later):
            return "a newer job of the image is on its way"
        if size_of(self._store, job.original_key) != job.file_size:
            return "the original is lost as well"
        return ""

    def _do_again(self, job: CompletedJob, later: list[LaterJob]) -> str:
        """A redo with the same options. Of several repairs at once, all get the same job by its key."""
        accepted = self._redo.redo(
            job.image_id,
            job.owner_id,
            replace(UploadOptions.from_json(job.options), lookups=False),
            correlation_id=None,
            idempotency_key=f"verify:{job.id}:{later[-1].id if later else job.id}",
        )
        with suppress(QueueUnavailable):  # then the reconciler lists it
            self._missing_jobs.put([DueJob(accepted.job_id, JobKind.VEIL, accepted.lane)])
        return f"done again as job {accepted.job_id}"

    def _release_key(self, job_id: str) -> None:
        with self._database.write() as transaction:
            Inventory(transaction.connection).release_dedup_key(job_id)


def _options(text: str) -> UploadOptions | None:
    """What decides about the files of a result."""
    try:
        return replace(UploadOptions.from_json(text), lookups=False)
    except InputRejected:
        return None


def _stands_in(other: LaterJob, lost: CompletedJob) -> bool:
    wanted = _options(lost.options)
    may_succeed = other.status not in {JobStatus.FAILED, JobStatus.CANCELLED}
    return may_succeed and wanted is not None and _options(other.options) == wanted


def _point_out(stand_in: str) -> str:
    return f"job {stand_in} was asked for instead, and the picture may be sent again"
