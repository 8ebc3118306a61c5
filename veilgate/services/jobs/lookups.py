"""Asking what an image shows: a lookup that begins at once, or as soon as there is something to send."""

from dataclasses import dataclass

from veilgate.domain.errors import ImageNotFound, ResultNotReady
from veilgate.domain.ids import is_id
from veilgate.domain.jobs import JobStatus, Lane
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.lookup_repository import WantedLookup
from veilgate.persistence.records import DueJob
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.jobs.job_log import log_accepted
from veilgate.services.jobs.lookup_jobs import LookupJobs

_OPEN = frozenset({JobStatus.SUBMITTED, JobStatus.PROCESSING})


@dataclass(frozen=True, slots=True)
class AskedLookup:
    """`job_id` is None while the picture is not veiled: `after_job_id` is what it waits for. `new` is for the
    workers to be told of; None if the lookup was on its way already."""

    job_id: str | None
    status: JobStatus
    after_job_id: str | None = None
    new: DueJob | None = None


class Lookups:
    def __init__(self, database: Database, jobs: LookupJobs) -> None:
        self._database = database
        self._jobs = jobs

    def ask(self, image_id: str, owner_id: str, *, correlation_id: str | None) -> AskedLookup:
        """Joins a lookup that is on its way, else asks anew, whatever was answered before. Raises
        `ImageNotFound`, and `ResultNotReady` of an image that shows nothing and will not."""
        asked = self._ask(image_id, owner_id, correlation_id)
        if asked.new:
            log_accepted(asked.new, image_id=image_id)
        return asked

    @again_after_deadlock
    def _ask(self, image_id: str, owner_id: str, correlation_id: str | None) -> AskedLookup:
        with self._database.write() as transaction:
            open_veil_jobs = _held_veil_jobs(transaction, image_id, owner_id)
            image = transaction.images.get(image_id, owner_id=owner_id)
            if image is None:
                raise ImageNotFound
            if image.current_job_id is None:
                if not open_veil_jobs:
                    raise ResultNotReady
                # Of the first: if it ends in vain, or another is quicker, the lookup follows the others.
                transaction.lookups.want(open_veil_jobs[0])
                return AskedLookup(None, JobStatus.SUBMITTED, after_job_id=open_veil_jobs[0])
            under_way = transaction.lookups.newest_of(image_id)
            if under_way and under_way.status in _OPEN:
                return AskedLookup(under_way.id, under_way.status)
            transaction.lookups.release_keys_of(image_id)
            new = self._jobs.begin(
                transaction, WantedLookup(image_id, owner_id, Lane.INTERACTIVE, correlation_id)
            )
            # Only another one has the key, which whoever holds none of the image's jobs made a moment ago.
            job = new or transaction.lookups.newest_of(image_id)
            assert job
            return AskedLookup(job.id, JobStatus.SUBMITTED, new=new)


def _held_veil_jobs(transaction: Transaction, image_id: str, owner_id: str) -> list[str]:
    """Those that are open of the image's veil jobs, which are all held: who asks at the same time waits, and
    so does whatever ends one, does the image again or erases it."""
    held = transaction.lookups.hold_veil_jobs(image_id, owner_id=owner_id) if is_id(image_id) else []
    if not held:
        raise ImageNotFound
    return [job.id for job in held if job.status in _OPEN]
