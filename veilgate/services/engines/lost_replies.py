"""Whether a transaction was committed whose reply never came: what it wrote tells."""

from collections.abc import Sequence

from veilgate.domain.jobs import JobStatus
from veilgate.persistence.unit_of_work import Transaction
from veilgate.services.engines.engine_reports import StageReport, Work, WorkEnd
from veilgate.services.engines.settlements import Settlement, Verdict, lost

_VERDICT_OF = {
    JobStatus.COMPLETED: Verdict.COMPLETED,
    JobStatus.FAILED: Verdict.FAILED,
    JobStatus.SUBMITTED: Verdict.RETRIED,
}


def settled_before(
    transaction: Transaction, reports: Sequence[StageReport], ends: Sequence[WorkEnd[Work]]
) -> list[Settlement] | None:
    """How these ends were settled if any trace of the group is there, because then all of it was written, the
    money of claims that were lost included; None if it is to be written. Of a group of nothing but such
    claims there is no trace: their money may be written twice."""
    settled = [_settled(transaction, end) for end in ends]
    is_there = any(one.verdict is not Verdict.LOST for one in settled) or any(
        transaction.events.has_stage(one.work.job_id, one.work.fence, one.stage) for one in reports
    )
    return settled if is_there else None


def _settled(transaction: Transaction, end: WorkEnd[Work]) -> Settlement:
    work, error_code = end.work, end.error.code if end.error else None
    status = transaction.claims.ended_as(work.job_id, work.fence, error_code=error_code)
    if status is None or (status is JobStatus.COMPLETED) != (end.error is None):
        return lost(end)
    return Settlement(work.job_id, work.fence, _VERDICT_OF[status], end.error)
