"""Outcomes: exactly one of three, with what belongs to it."""

from dataclasses import FrozenInstanceError

import pytest

from veilgate.domain.errors import StageFailed
from veilgate.domain.outcomes import Outcome, OutcomeKind
from veilgate.services.jobs.results import outcome_payload


def test_each_kind_says_its_own() -> None:
    error = StageFailed("It broke.")
    produced = Outcome.produced("product", {"count": 1}, model="m")
    assert (produced.kind, produced.product, produced.model) == (OutcomeKind.PRODUCED, "product", "m")
    assert (produced.error, produced.reason) == (None, None)
    assert Outcome.skipped("why") == Outcome(OutcomeKind.SKIPPED, reason="why")
    assert Outcome.failed(error) == Outcome(OutcomeKind.FAILED, error=error)


def test_what_callers_see_of_each() -> None:
    assert outcome_payload(Outcome.produced(object(), {"count": 1})) == {"count": 1}
    assert outcome_payload(Outcome.produced(object())) == {}
    assert outcome_payload(Outcome.skipped("model_missing")) == {"reason": "model_missing"}
    assert outcome_payload(Outcome.failed(StageFailed("It broke."))) == {
        "error": {"code": "stage_failed", "message": "It broke."}
    }


def test_an_outcome_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Outcome.skipped("why").reason = "because"  # type: ignore[misc]
