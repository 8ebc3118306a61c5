"""How claims end, and what each kind of job writes at its end beside what is the same for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from veilgate.domain.errors import StageFailed, VeilgateError
from veilgate.domain.jobs import JobKind
from veilgate.persistence.records import DueJob
from veilgate.persistence.unit_of_work import Transaction
from veilgate.services.engines.engine_reports import Work, WorkEnd


class Verdict(StrEnum):
    """What became of a job in the database."""

    COMPLETED = "completed"
    FAILED = "failed"
    RETRIED = "retried"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of one claim, after its transaction has been committed."""

    job_id: str
    fence: int
    verdict: Verdict
    error: VeilgateError | None = None
    # For the log, of what was lost.
    correlation_id: str | None = None


EndT = TypeVar("EndT", bound=WorkEnd[Work])
End_contra = TypeVar("End_contra", bound=WorkEnd[Work], contravariant=True)


class EndWriter(Protocol[End_contra]):
    """One kind of job's part of the recorder's transaction."""

    kind: JobKind

    def results(self, end: End_contra) -> Mapping[str, Any]:
        """The `results` of a completed job."""
        ...

    def result_key(self, end: End_contra) -> str | None:
        """Below which name its files are, if it has any."""
        ...

    def write(
        self, transaction: Transaction, ended: Sequence[tuple[End_contra, Settlement]]
    ) -> Sequence[DueJob]:
        """What follows from these ends, once their jobs are written; which new jobs do."""
        ...

    def totals(self, ended: Sequence[tuple[End_contra, Settlement]]) -> Mapping[str, int]:
        """What these ends add to the totals."""
        ...

    def count_found(self, end: End_contra) -> None:
        """After the commit that completed it: tell Prometheus what came of it."""
        ...

    def clear(self, settlement: Settlement) -> None:
        """After the commit, or for a claim that nobody will hear of: remove what nobody needs."""
        ...


def lost(end: WorkEnd[Work]) -> Settlement:
    """Of an end that is another's to tell by now, or that the database never took."""
    return Settlement(
        end.work.job_id,
        end.work.fence,
        Verdict.LOST,
        StageFailed("The result could not be recorded."),
        end.work.correlation_id,
    )


def completed(ended: Sequence[tuple[EndT, Settlement]]) -> list[EndT]:
    return [end for end, settlement in ended if settlement.verdict is Verdict.COMPLETED]


def count(ended: Sequence[tuple[EndT, Settlement]], verdict: Verdict) -> int:
    return sum(settlement.verdict is verdict for _, settlement in ended)
