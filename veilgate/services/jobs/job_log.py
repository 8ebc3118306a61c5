"""What the log says of a job, from the moment when it is accepted to its end; docs/logs.md has the table.

Each line has the job's id and the correlation id of the request that it came from.
"""

from collections.abc import Iterable, Mapping, Sequence

from veilgate.domain.errors import VeilgateError
from veilgate.domain.jobs import JobStatus
from veilgate.domain.lookups import Bill
from veilgate.persistence.records import ClaimedJob, DueJob, ExpiredJob
from veilgate.services.engines.bills import bill_of
from veilgate.services.engines.engine_reports import StageReport, Work, WorkEnd
from veilgate.services.engines.settlements import Settlement, Verdict
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)


def log_accepted(job: DueJob, **about: str) -> None:
    """A new job, once its rows are committed."""
    _log.info("job.accepted", kind=job.kind, lane=job.lane, **about, **_which(job))


def log_joined(job_id: str) -> None:
    """An upload of a picture that was here already: this job stands for it, too."""
    _log.info("job.joined", job_id=job_id)


def log_lost(job: ClaimedJob) -> None:
    """Cancelled, or another worker has it: a worker lets go of it."""
    _log.warning("job.lost", attempt=job.fence, **_which(job))


def log_dispatched(jobs: Iterable[DueJob]) -> None:
    """On the lists of the workers."""
    for job in jobs:
        _log.debug("job.dispatched", kind=job.kind, lane=job.lane, **_which(job))


def log_claimed(jobs: Iterable[ClaimedJob]) -> None:
    for job in jobs:
        _log.info(
            "job.claimed",
            image_id=job.image_id,
            attempt=job.fence,
            waited_ms=max(0, job.started_at_ms - job.created_at_ms),
            **_which(job),
        )


def log_released(jobs: Iterable[ClaimedJob], why: str) -> None:
    """Given back by a worker that ends, with nothing held against them."""
    for job in jobs:
        _log.info("job.released", why=why, **_which(job))


def log_stages(reports: Sequence[StageReport]) -> None:
    for report in reports:
        error = report.outcome.error
        _log.debug(
            "stage.ended",
            stage=report.stage,
            outcome=report.outcome.kind,
            ms=report.took_ms,
            **_who(report.work),
            **({"code": error.code} if error else {}),
        )


def log_end(end: WorkEnd[Work], settlement: Settlement) -> None:
    """What a claim came to, once that is committed."""
    about = {"attempt": end.work.fence, "ms": end.took_ms, **_who(end.work), **_bill(end)}
    match settlement.verdict:
        case Verdict.COMPLETED:
            _log.info("job.completed", **about)
        case Verdict.FAILED:
            _log.warning("job.failed", **about, **_why(settlement.error))
        case Verdict.RETRIED:
            _log.warning("job.put_back", **about, **_why(settlement.error))


def log_expired(jobs: Iterable[tuple[ExpiredJob, JobStatus]]) -> None:
    """Whose worker fell silent, and what became of each: it waits again, or has failed."""
    for job, status in jobs:
        _log.warning("job.lease_expired", attempt=job.fence, status=status, **_which(job))


def _which(job: DueJob | ClaimedJob | ExpiredJob) -> dict[str, str]:
    """Where it has no correlation id, a line has that of the request that is being answered, if any."""
    known = {"correlation_id": job.correlation_id} if job.correlation_id else {}
    return {"job_id": job.id, **known}


def _who(work: Work) -> dict[str, str | None]:
    return {"job_id": work.job_id, "image_id": work.image_id, "correlation_id": work.correlation_id}


def _bill(end: WorkEnd[Work]) -> Mapping[str, float]:
    """What asking came to, where somebody was asked."""
    bill = sum(map(bill_of, end.outcomes.values()), Bill())
    return {} if bill == Bill() else bill.as_dict()


def _why(error: VeilgateError | None) -> dict[str, str]:
    return {"code": error.code} if error else {}
