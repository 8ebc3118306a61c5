"""What Prometheus is told of ends: called once for each, after its transaction was committed, however often
that was tried."""

import time

from veilgate.domain.errors import (
    DecoderCrashed,
    DecodeTimeout,
    DiskFull,
    ObjectStoreUnavailable,
    OriginalDamaged,
    OriginalMissing,
    StageFailed,
    TargetNotOffered,
    UndecodablePicture,
    VeilgateError,
)
from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.domain.provider_errors import NothingAnswered
from veilgate.services.engines.engine_reports import Work, WorkEnd
from veilgate.services.engines.settlements import Settlement, Verdict
from veilgate.telemetry.metrics import (
    JOB_FAILURES,
    JOB_SECONDS,
    RESULTS_DISCARDED,
    STAGE_SECONDS,
    from_zero,
)

# What tries mostly fail with; another code is shown from its second time on.
_FAIL_AS: dict[JobKind, tuple[type[VeilgateError], ...]] = {
    JobKind.VEIL: (
        UndecodablePicture,
        DecodeTimeout,
        DecoderCrashed,
        OriginalMissing,
        OriginalDamaged,
        TargetNotOffered,
        StageFailed,
        ObjectStoreUnavailable,
        DiskFull,
    ),
    JobKind.LOOKUP: (NothingAnswered, StageFailed, ObjectStoreUnavailable),
}


def show_ends_of(kind: JobKind) -> None:
    """Before the first one."""
    from_zero(STAGE_SECONDS, ["record"])
    from_zero(RESULTS_DISCARDED, [kind])
    from_zero(JOB_SECONDS, [kind], [JobStatus.COMPLETED, JobStatus.FAILED])
    for error in _FAIL_AS[kind]:
        from_zero(JOB_FAILURES, [kind], [error.code], ["true", "false"] if error.retryable else ["false"])


def count_end(kind: JobKind, end: WorkEnd[Work], settlement: Settlement) -> None:
    if settlement.verdict is Verdict.LOST:
        RESULTS_DISCARDED.labels(kind).inc()
        return
    recording_s = time.monotonic() - end.ended_s
    STAGE_SECONDS.labels("record").observe(recording_s)
    if settlement.error is not None:
        follows = settlement.verdict is Verdict.RETRIED
        JOB_FAILURES.labels(kind, settlement.error.code, str(follows).lower()).inc()
    if settlement.verdict is not Verdict.RETRIED:
        # The wait by the database's clock, the work by our own: no two clocks are compared.
        whole_s = (end.work.since_asked_ms + end.took_ms) / 1000 + recording_s
        JOB_SECONDS.labels(kind, settlement.verdict).observe(whole_s)
