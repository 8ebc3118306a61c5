"""What became of one stage on one picture: produced, skipped or failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from veilgate.domain.errors import VeilgateError

# Why a stage was left out that only some pictures want.
NOT_ASKED = "not_asked"


class OutcomeKind(StrEnum):
    PRODUCED = "produced"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One stage's word on one picture.

    `product` stays in the process and feeds the next stages, which ask for it by its type; `report` is
    the JSON that callers see as an event and in the result; `model` names the model that spoke.
    """

    kind: OutcomeKind
    product: object | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    error: VeilgateError | None = None
    model: str | None = None

    @classmethod
    def produced(
        cls, product: object, report: Mapping[str, Any] | None = None, *, model: str | None = None
    ) -> "Outcome":
        return cls(OutcomeKind.PRODUCED, product=product, report=report or {}, model=model)

    @classmethod
    def skipped(cls, reason: str, report: Mapping[str, Any] | None = None) -> "Outcome":
        """`report` says more, as what to set for it to be done."""
        return cls(OutcomeKind.SKIPPED, reason=reason, report=report or {})

    @classmethod
    def failed(cls, error: VeilgateError) -> "Outcome":
        return cls(OutcomeKind.FAILED, error=error)
