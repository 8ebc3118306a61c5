"""Results against jobs: each completed job has its files, and no file is left of what nobody will show."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import groupby

from veilgate.domain.errors import InputRejected, QueueUnavailable
from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureFormat
from veilgate.persistence.inventory import CompletedJob, EndedJob, Inventory, LaterJob
from veilgate.persistence.records import DueJob
from veilgate.persistence.unit_of_work import Database
from veilgate.services.missing_jobs import MissingJobs
from veilgate.services.object_pages import PAGE, ask_of_each, pages, size_of
from veilgate.services.redo import Redo
from veilgate.services.verification import Finding, LookedAt
from veilgate.services.verify_originals import EMPTY_DATABASE, delete_files
from veilgate.storage.keys import THUMBNAIL_SIDES_PX, job_prefix, processed_key, thumbnail_key
from veilgate.storage.ports import ObjectStore


class LostResults:
    """`result_missing`: a job completed, and files of its result are not there.

    Not if the same was asked for again since, and waits or is done: that is what the repair does, and why
    doing it twice changes nothing.
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
            yield from self._findings([(job, files) for job, files in lost if files])
            looked_at(len(page))

    def _findings(self, lost: list[tuple[CompletedJob, list[str]]]) -> Iterator[Finding]:
        for job, files in lost:
            later = self._later(job)
            wanted = _options(job.options)
            if wanted and any(_stands_in(other, wanted) for other in later):
                continue
            text = f"{', '.join(files)} below {job.result_key} {'is' if len(files) == 1 else 'are'} missing"
            why_not = self._why_no_redo(job, later) if wanted else "this version does not know its options"
            repair = None if why_not else partial(self._do_again, job, later)
            yield Finding("result_missing", f"job {job.id}", text, repair, why_not)

    def _missing_files(self, job: CompletedJob) -> list[str]:
        prefix = job.result_key or ""
        wanted = {
            processed_key(prefix, PictureFormat(job.format).suffix),
            *(thumbnail_key(prefix, side_px) for side_px in THUMBNAIL_SIDES_PX),
        }
        found = set(self._store.list(prefix)) if prefix else set()
        return sorted(key.removeprefix(prefix) for key in wanted - found)

    def _later(self, job: CompletedJob) -> list[LaterJob]:
        with self._database.read() as transaction:
            return Inventory(transaction.connection).jobs_of_image_after(job.image_id, job.id)

    def _why_no_redo(self, job: CompletedJob, later: list[LaterJob]) -> str:
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
            UploadOptions.from_json(job.options),
            correlation_id=None,
            idempotency_key=f"verify:{job.id}:{later[-1].id if later else job.id}",
        )
        with self._database.write() as transaction:
            Inventory(transaction.connection).release_dedup_key(job.id)
        with suppress(QueueUnavailable):  # then the reconciler lists it
            self._missing_jobs.put([DueJob(accepted.job_id, JobKind.VEIL, accepted.lane)])
        return f"done again as job {accepted.job_id}"


class OrphanResults:
    """`result_orphan`: files of a job that nobody knows, or of a claim that can never win any more.

    Jobs that wait or run are left alone: their files are on their way, or go when they end. Who claims a job
    anew stores under a higher fence, so that what is deleted here is never written again.
    """

    looks_at = "result files"

    def __init__(self, database: Database, store: ObjectStore, *, patience_ms: int) -> None:
        self._database = database
        self._store = store
        self._patience_ms = patience_ms

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        by_job = groupby(self._store.list("results/"), key=_job_of)
        for page in pages((job_id, list(keys)) for job_id, keys in by_job):
            for job_id, keys in self._orphans(page):
                # Whoever ended the job may be tidying up just now.
                still_there = [key for key in keys if size_of(self._store, key) is not None]
                if still_there:
                    yield self._finding(job_id, still_there)
            looked_at(sum(len(keys) for _, keys in page))

    def _orphans(self, page: list[tuple[str, list[str]]]) -> Iterable[tuple[str, list[str]]]:
        job_ids = [job_id for job_id, _ in page]
        with self._database.read() as transaction:
            inventory = Inventory(transaction.connection)
            known = inventory.known_jobs(job_ids)
            ended = inventory.ended_jobs(job_ids, since_ms=self._patience_ms)
        for job_id, keys in page:
            if job_id not in known:
                yield job_id, keys
            elif job_id in ended:
                yield job_id, [key for key in keys if _is_superseded(key, ended[job_id])]

    def _finding(self, job_id: str, keys: list[str]) -> Finding:
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        text = f"no row points to {keys[0]}{more}"
        with self._database.read() as transaction:
            knows_any = Inventory(transaction.connection).has_images()
        if not knows_any:
            return Finding("result_orphan", job_prefix(job_id), text, why_not=EMPTY_DATABASE)
        return Finding("result_orphan", job_prefix(job_id), text, partial(delete_files, self._store, keys))


def _options(text: str) -> UploadOptions | None:
    try:
        return UploadOptions.from_json(text)
    except InputRejected:
        return None


def _stands_in(other: LaterJob, wanted: UploadOptions) -> bool:
    may_succeed = other.status not in {JobStatus.FAILED, JobStatus.CANCELLED}
    return may_succeed and _options(other.options) == wanted


def _job_of(key: str) -> str:
    return key.split("/")[1]


def _is_superseded(key: str, job: EndedJob) -> bool:
    if job.result_key is not None:
        return not key.startswith(job.result_key)
    fence = key.split("/")[2]
    return not fence.isdigit() or int(fence) <= job.fence
