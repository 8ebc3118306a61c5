"""Lookups as jobs: when one is made, and which one stands for an image."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from veilgate.domain.jobs import JobKind, JobStatus
from veilgate.persistence.dedup_keys import read_holder, release_keys
from veilgate.persistence.lookup_repository import WantedLookup
from veilgate.persistence.records import DueJob, NewEvent
from veilgate.persistence.unit_of_work import Transaction


@dataclass(frozen=True, slots=True)
class LookupJobs:
    """`providers` are the names of those that are asked here: with others enabled, a picture that was looked
    up before is worth another look."""

    providers: tuple[str, ...] = ()

    def begin_wanted(self, transaction: Transaction, job_ids: Sequence[str]) -> list[DueJob]:
        """For jobs that complete in this transaction: the lookups that are to follow them."""
        if not job_ids:
            return []
        wanted = transaction.lookups.take_wanted_by(job_ids)
        return [job for one in wanted if (job := self.begin(transaction, one))]

    def follow(self, transaction: Transaction, job_id: str) -> DueJob | None:
        """A lookup is to follow a veil job, which this transaction holds: at once if that has completed, else
        in the transaction in which it completes. Whichever commits first, none is lost."""
        if transaction.lookups.want(job_id) is not JobStatus.COMPLETED:
            return None
        return next(iter(self.begin_wanted(transaction, [job_id])), None)

    def begin(self, transaction: Transaction, wanted: WantedLookup) -> DueJob | None:
        """A new lookup, unless one stands for the image: on its way, or done."""
        key = self._key(wanted.image_id)
        release_keys(transaction.connection, [key])
        holder = read_holder(transaction.connection, key)
        if holder and holder.stands:
            return None
        job_id = transaction.lookups.insert(wanted, dedup_key=key)
        if job_id is None:
            return None
        payload = {"image_id": wanted.image_id, "providers": list(self.providers)}
        transaction.events.insert_first(job_id, NewEvent("job", JobStatus.SUBMITTED, json.dumps(payload)))
        return DueJob(job_id, JobKind.LOOKUP, wanted.lane, correlation_id=wanted.correlation_id)

    def _key(self, image_id: str) -> str:
        parts = json.dumps(["lookup", image_id, sorted(self.providers)])
        return hashlib.sha256(parts.encode()).hexdigest()
