"""What engines say of the work in their hands: each stage's word, and each end."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from veilgate.domain.errors import VeilgateError
from veilgate.domain.outcomes import Outcome


class Work(Protocol):
    """One claim of a job, of whatever kind."""

    @property
    def job_id(self) -> str: ...

    @property
    def image_id(self) -> str: ...

    @property
    def owner_id(self) -> str: ...

    @property
    def fence(self) -> int: ...

    @property
    def attempts(self) -> int: ...

    @property
    def since_asked_ms(self) -> int:
        """How long before this claim the job was accepted, or last wished for again."""
        ...

    @property
    def correlation_id(self) -> str | None: ...


W_co = TypeVar("W_co", bound=Work, covariant=True)


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage's word on one picture, and how long it took."""

    work: Work
    stage: str
    outcome: Outcome
    took_ms: int


@dataclass(frozen=True)
class WorkEnd(Generic[W_co]):
    """How a picture left its pipeline, and when, by the monotonic clock; `error` is why the job failed, if it
    did."""

    work: W_co
    outcomes: Mapping[str, Outcome]
    stage_ms: Mapping[str, int]
    took_ms: int
    error: VeilgateError | None
    ended_s: float = field(default_factory=time.monotonic, kw_only=True, compare=False)


End_contra = TypeVar("End_contra", bound=WorkEnd[Work], contravariant=True)


class EngineListener(Protocol[End_contra]):
    """Told by the engine's threads; must not block for long."""

    def stage_ended(self, reports: Sequence[StageReport]) -> None: ...

    def work_ended(self, end: End_contra) -> None: ...

    def work_dropped(self, work: Work) -> None:
        """An abandoned picture's last stage is over: what it left may be removed."""
        ...
