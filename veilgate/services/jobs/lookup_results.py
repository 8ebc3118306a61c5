"""The result of a lookup that callers read, assembled from what its stages reported."""

from collections.abc import Mapping
from typing import Any

from veilgate.domain.lookups import Bill, Finding
from veilgate.domain.outcomes import Outcome, OutcomeKind
from veilgate.domain.partial_results import FINDINGS, PARTIAL_RESULTS
from veilgate.services.engines.bills import bill_of
from veilgate.services.engines.lookup_engine import LookupEnd
from veilgate.services.jobs.results import outcome_payload

_MOST_LABELS = 50


def assemble_lookup(end: LookupEnd) -> dict[str, Any]:
    """The `results` of a completed lookup: what was not found is there as null, or empty."""
    answers = {
        kind.data_type: dict(outcome.report) if outcome and outcome.kind is OutcomeKind.PRODUCED else None
        for stage, kind in PARTIAL_RESULTS.items()
        if kind.data_type != FINDINGS and stage not in _OF_VEIL_JOBS
        for outcome in [end.outcomes.get(stage)]
    }
    offers = answers["second-hand-offers"]
    findings = [outcome.product for outcome in end.outcomes.values() if isinstance(outcome.product, Finding)]
    total = sum((bill_of(outcome) for outcome in end.outcomes.values()), Bill())
    return {
        **answers,
        "second-hand-offers": offers["offers"] if offers else [],
        "captions": [{"provider": one.provider, "text": one.caption} for one in findings if one.caption],
        "labels": _labels(findings),
        "providers": {
            name: _provider(outcome, end.stage_ms.get(name, 0))
            for name, outcome in end.outcomes.items()
            if name in end.providers
        },
        "cost": total.as_dict(),
        "stages": {
            name: {"outcome": outcome.kind, "ms": end.stage_ms.get(name, 0), **_why_nothing(outcome)}
            for name, outcome in end.outcomes.items()
        },
        "processing_time": end.took_ms / 1000,
        "queue_time": end.work.queued_ms / 1000,
    }


_OF_VEIL_JOBS = {"find_faces", "find_vehicles", "store_copies"}


def _labels(findings: list[Finding]) -> list[dict[str, Any]]:
    return [
        {"provider": one.provider, "text": label.text, "score": label.score}
        for one in findings
        for label in one.labels
    ][:_MOST_LABELS]


def _provider(outcome: Outcome, took_ms: int) -> dict[str, Any]:
    cost = bill_of(outcome).as_dict()
    return {"outcome": outcome.kind, "ms": took_ms, "cost": cost, **_why_nothing(outcome)}


def _why_nothing(outcome: Outcome) -> Mapping[str, Any]:
    if outcome.kind is OutcomeKind.PRODUCED:
        return {}
    return {name: what for name, what in outcome_payload(outcome).items() if name != "cost"}
