"""What the events of a job are to somebody who asks what a thing is: a line each, nothing twice."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.domain.lookups import Bill
from veilgate.domain.outcomes import NOT_ASKED, OutcomeKind
from veilgate.domain.partial_results import PARTIAL_RESULTS
from veilgate.persistence.records import EventRecord

ACCEPTED = "The picture is stored and will be processed, whatever crashes next."
WAITING = "Nothing new for 15 s; what is missing is still on its way."
DONE = "All that there will be has been said."
_FAILED = "This could not be found out."
_SKIPPED = "This was not tried."
# It is told once the copy can be fetched.
VEILED_STAGE = "store_copies"
_JOB = "job"
_MICROS = 1_000_000


@dataclass(slots=True)
class _Heard:
    """A job, and where it stood by the events that were read."""

    kind: JobKind
    job_id: str
    status: JobStatus = JobStatus.SUBMITTED


class ClassifyLines:
    """Reads the events of a veil job, then those of its lookup."""

    def __init__(self, job_id: str) -> None:
        self._veil = self._now = _Heard(JobKind.VEIL, job_id)
        self._lookup: _Heard | None = None
        self._counts: Counter[str] = Counter()
        self._cost = Bill()
        # By stage, so that another attempt says only what is different.
        self._said: dict[str, tuple[str, Any]] = {}

    @property
    def status(self) -> JobStatus:
        """Where the job stood whose events are being read."""
        return self._now.status

    def go_on_with_lookup(self, job_id: str) -> None:
        """Whatever is read from now on is of this job."""
        self._lookup = self._now = _Heard(JobKind.LOOKUP, job_id)

    def of(self, event: EventRecord) -> Iterator[bytes]:
        """One line or none."""
        payload = json.loads(event.payload)
        if "cost" in payload:
            self._cost += _bill(payload["cost"])
        if event.stage == _JOB:
            self._now.status = JobStatus(event.outcome)
            if self.status is JobStatus.FAILED:
                yield self._failed(payload["error"])
            return
        told = self._told(event, payload)
        without_cost = {name: value for name, value in told[1].items() if name != "cost"} if told else None
        if told and self._said.get(event.stage) != (told[0], without_cost):
            self._said[event.stage] = (told[0], without_cost)
            yield self.line(*told)

    def line(self, data_type: str, data: Mapping[str, Any], description: str) -> bytes:
        self._counts[data_type] += 1
        return line(data_type, data, description)

    def done(self) -> bytes:
        """The last line, when the last event of the last job has been read."""
        data = {
            "status": self.status,
            "veil_status": self._veil.status,
            "lookup_status": self._lookup.status if self._lookup else None,
            "job_id": self._veil.job_id,
            "lookup_job_id": self._lookup.job_id if self._lookup else None,
            "counts": dict(self._counts),
            "cost": self._cost.as_dict(),
        }
        return line("done", data, DONE)

    def _told(self, event: EventRecord, payload: dict[str, Any]) -> tuple[str, dict[str, Any], str] | None:
        if event.outcome == OutcomeKind.FAILED:
            return "failed", {"stage": event.stage, **payload["error"]}, _FAILED
        known = PARTIAL_RESULTS.get(event.stage)
        if known is None or event.stage == VEILED_STAGE:
            return None
        if event.outcome == OutcomeKind.PRODUCED:
            return known.data_type, payload, known.description
        if payload["reason"] == NOT_ASKED:
            return None
        return "skipped", {"stage": event.stage, **payload}, _SKIPPED

    def _failed(self, error: Mapping[str, Any]) -> bytes:
        whose = {"stage": _JOB, "kind": self._now.kind, "job_id": self._now.job_id}
        return self.line("failed", {**whose, **error}, _FAILED)


def line(data_type: str, data: Mapping[str, Any], description: str) -> bytes:
    body = {"data_type": data_type, "data_description": description, "data": data}
    return json.dumps(body).encode() + b"\n"


def _bill(cost: Mapping[str, Any]) -> Bill:
    return Bill(int(cost["calls"]), int(cost["cached"]), round(cost["usd"] * _MICROS))
