"""A worker's hold on its jobs: looking, claiming and renewing, each one short transaction."""

import json
from collections.abc import Sequence
from enum import StrEnum

from veilgate.domain.jobs import JobStatus
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.records import ClaimedJob, NewEvent, WaitingJob
from veilgate.persistence.unit_of_work import Database
from veilgate.services.jobs.job_log import log_claimed, log_released
from veilgate.telemetry.metrics import STAGE_SECONDS, from_zero

# A job that was started more often than that may be what breaks devices: it must not go on for ever. So a
# start that ended with a lost device counts, other than one that found something away.
_MOST_DELIVERIES_OF_INNOCENTS = 8


class Release(StrEnum):
    """Why jobs are let go of that are not to blame."""

    DEVICE_LOST = "device_lost"
    STOPPED = "stopped"


class Claims:
    def __init__(self, database: Database, *, worker: str, lease_s: float) -> None:
        from_zero(STAGE_SECONDS, ["queue"])
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
        claimed = [claim for claim in claims if claim is not None]
        log_claimed(claimed)
        for job in claimed:
            STAGE_SECONDS.labels("queue").observe(max(0, job.started_at_ms - job.not_before_ms) / 1000)
        return claimed

    @again_after_deadlock
    def extend(self, held: Sequence[tuple[str, int]]) -> set[str]:
        """Renew leases of (job id, fence); returns the ids that are no longer ours."""
        with self._database.write() as transaction:
            return transaction.claims.extend(held, lease_ms=self._lease_ms)

    @again_after_deadlock
    def release(self, held: Sequence[ClaimedJob], why: Release) -> None:
        """Return jobs to those that wait, with nothing held against them: it was the device that failed, or
        the process is to end.

        Those that were begun suspiciously often are left to `LeaseExpiry`, which has them run alone.
        """
        with self._database.write() as transaction:
            for job in held:
                if job.deliveries > _MOST_DELIVERIES_OF_INNOCENTS:
                    continue
                payload = json.dumps({str(why): True, "attempts": job.attempts})
                event = NewEvent("job", JobStatus.SUBMITTED, payload)
                if transaction.events.append_fenced(job.id, job.fence, event):
                    transaction.claims.put_back(
                        job.id,
                        job.fence,
                        attempts=job.attempts,
                        delay_ms=0,
                        suspect=False,
                        error=None,
                        delivery_counts=why is Release.DEVICE_LOST,
                    )
        log_released(held, why)
