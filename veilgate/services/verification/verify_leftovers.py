"""Results that nobody will show: files of claims that lost, and of jobs that the database does not know."""

from collections.abc import Iterator
from functools import partial
from itertools import groupby
from typing import NamedTuple

from veilgate.domain.ids import is_id, made_at_ms
from veilgate.persistence.inventory import EndedJob, Inventory
from veilgate.persistence.unit_of_work import Database
from veilgate.services.images.object_pages import ask_of_each, pages, size_of
from veilgate.services.verification.verification import Finding, LookedAt
from veilgate.services.verification.verify_keys import result_name, unknown_object
from veilgate.storage.keys import job_prefix
from veilgate.storage.ports import ObjectStore

_YOUNG_MS = 2 * 86_400_000
# Of so many jobs on a page one may be unknown, and on a small page this many.
_ONE_UNKNOWN_IN, _FEW = 10, 2
_FOREIGN = "too many results are of unknown jobs: is this another database's bucket, or DATABASE_URL wrong?"
_NEWER = "its job is newer than any in the database: was that restored from a backup?"
_YOUNG = "its job was made within the last two days"
_KNOWN_NOW = "it was put right meanwhile"

# The files below each job's prefix.
_Files = dict[str, list[str]]


class OrphanResults:
    """`result_orphan`: files of a job that nobody knows, or of a claim that can never win any more.

    Jobs that wait or run are left alone: their files are on their way, or go when they end. Who claims a job
    anew stores under a higher fence, so that what is deleted here is never written again. Of unknown jobs
    nothing is deleted that a wrong or a restored database might merely not know. `object_unknown`: what lies
    among the results and is none.
    """

    looks_at = "result files"

    def __init__(self, database: Database, store: ObjectStore, *, patience_ms: int) -> None:
        self._database = database
        self._store = store
        self._patience_ms = patience_ms

    def find(self, looked_at: LookedAt) -> Iterator[Finding]:
        by_job = groupby(self._store.list("results/"), key=_job_or_key)
        is_foreign = False
        for page in pages((whose, list(keys)) for whose, keys in by_job):
            of_jobs = {whose: keys for whose, keys in page if is_id(whose)}
            yield from (unknown_object(whose) for whose, _ in page if whose not in of_jobs)
            first = self._look(of_jobs)
            # Once in doubt, for good: the rest of a foreign bucket may look better by chance.
            is_foreign = is_foreign or first.looks_foreign(len(of_jobs))
            again = self._look(first.orphans)
            for job_id, keys in again.orphans.items():
                # Whoever ended the job may be tidying up just now.
                sizes = ask_of_each(partial(size_of, self._store), keys)
                still_there = [key for key, size in zip(keys, sizes, strict=True) if size is not None]
                if still_there:
                    yield self._finding(job_id, still_there, again.why_kept(job_id, is_foreign=is_foreign))
            looked_at(sum(len(keys) for _, keys in page))

    def _look(self, files: _Files) -> "_View":
        with self._database.read() as transaction:
            inventory = Inventory(transaction.connection)
            known = inventory.known_jobs(list(files))
            ended = inventory.ended_jobs(list(files), since_ms=self._patience_ms)
            newest_id, now_ms = inventory.newest_job_id(), transaction.now_ms()
        unknown = frozenset(files.keys() - known.keys())
        superseded = {
            job_id: [key for key in files[job_id] if _is_superseded(key, job)]
            for job_id, job in ended.items()
        }
        orphans = {job_id: files[job_id] for job_id in files if job_id in unknown} | superseded
        return _View({job_id: keys for job_id, keys in orphans.items() if keys}, unknown, newest_id, now_ms)

    def _finding(self, job_id: str, keys: list[str], why_kept: str) -> Finding:
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        text = f"no row points to {keys[0]}{more}"
        repair = None if why_kept else partial(self._delete, job_id, keys)
        return Finding("result_orphan", job_prefix(job_id), text, repair, why_kept)

    def _delete(self, job_id: str, keys: list[str]) -> str:
        now = self._look({job_id: keys})
        orphans = now.orphans.get(job_id, [])
        if not orphans or now.why_kept(job_id, is_foreign=False):
            return _KNOWN_NOW
        self._store.erase(orphans)
        return "deleted" if len(orphans) == 1 else f"{len(orphans)} files deleted"


class _View(NamedTuple):
    """What the database said of some jobs with files, all at one time."""

    orphans: _Files
    unknown: frozenset[str]
    newest_id: str
    now_ms: int

    def looks_foreign(self, looked_at: int) -> bool:
        few = max(_FEW, looked_at // _ONE_UNKNOWN_IN)
        return len(self.unknown) > few or 0 < looked_at == len(self.unknown)

    def why_kept(self, job_id: str, *, is_foreign: bool) -> str:
        """Why the files of an unknown job are not deleted; of known jobs we know that nobody needs them."""
        if job_id not in self.unknown:
            return ""
        if is_foreign:
            return _FOREIGN
        if job_id > self.newest_id:
            return _NEWER
        return _YOUNG if made_at_ms(job_id) > self.now_ms - _YOUNG_MS else ""


def _job_or_key(key: str) -> str:
    """The job that a file belongs to; what is no result stands alone."""
    name = result_name(key)
    return name.job_id if name else key


def _is_superseded(key: str, job: EndedJob) -> bool:
    if job.result_key is not None:
        return not key.startswith(job.result_key)
    name = result_name(key)
    return name is not None and name.fence <= job.fence
