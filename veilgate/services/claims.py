"""A worker's hold on its jobs: looking, claiming and renewing, each one short transaction."""

from collections.abc import Sequence

from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.records import ClaimedJob, WaitingJob
from veilgate.persistence.unit_of_work import Database


class Claims:
    def __init__(self, database: Database, *, worker: str, lease_s: float) -> None:
        self._database = database
        self._worker = worker
        self._lease_ms = int(lease_s * 1000)

    def look_at(self, job_ids: Sequence[str]) -> list[WaitingJob]:
        """Those of the jobs that may be claimed now."""
        with self._database.read() as transaction:
            return transaction.claims.look_at(job_ids)

    @again_after_deadlock
    def claim(self, job_ids: Sequence[str], *, alone: bool) -> list[ClaimedJob]:
        """Take what can be had; a job that somebody else took or that has ended is left out."""
        with self._database.write() as transaction:
            claims = [
                transaction.claims.claim(job_id, worker=self._worker, lease_ms=self._lease_ms, alone=alone)
                for job_id in job_ids
            ]
        return [claim for claim in claims if claim is not None]

    @again_after_deadlock
    def extend(self, held: Sequence[tuple[str, int]]) -> set[str]:
        """Renew leases of (job id, fence); returns the ids that are no longer ours."""
        with self._database.write() as transaction:
            return transaction.claims.extend(held, lease_ms=self._lease_ms)
