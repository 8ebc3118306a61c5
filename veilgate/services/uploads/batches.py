"""Batches: many files in one request, each accepted or refused by itself, as it arrives."""

import hashlib
from dataclasses import dataclass
from typing import Any

from veilgate.domain.errors import BatchNotFound
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobStatus, Lane
from veilgate.domain.options import UploadOptions
from veilgate.domain.rejections import IdempotencyConflict, InputRejected
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.races import WrittenByAnother
from veilgate.persistence.records import BatchItemRecord, NewBatchItem
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.uploads.intake import (
    ERASED_EACH_TIME,
    MOST_TRIES,
    AcceptedJob,
    Intake,
    Upload,
    answered_before,
)


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch that takes files. `resumed` ones were begun by an earlier request with the same key."""

    id: str
    owner_id: str
    resumed: bool


class Batches:
    def __init__(self, database: Database, intake: Intake) -> None:
        self._database = database
        self._intake = intake

    def begin(self, owner_id: str, options: UploadOptions, *, idempotency_key: str | None) -> OpenBatch:
        """Start a batch, or go on with the one that this key began."""
        if idempotency_key is None:
            return self._insert(owner_id, None, "")
        fingerprint = hashlib.sha256(f"batch\n{options.as_json()}".encode()).hexdigest()
        with self._database.read() as transaction:
            earlier = transaction.idempotency.get(idempotency_key, owner_id=owner_id)
        if earlier is None:
            try:
                return self._insert(owner_id, idempotency_key, fingerprint)
            except WrittenByAnother:
                return self.begin(owner_id, options, idempotency_key=idempotency_key)
        if earlier.fingerprint != fingerprint or earlier.batch_id is None:
            raise IdempotencyConflict
        return OpenBatch(earlier.batch_id, owner_id, resumed=True)

    def add(self, batch: OpenBatch, position: int, upload: Upload) -> AcceptedJob:
        """Accept the file at a position. Raises `InputRejected` when it is refused (and writes that down)."""
        if batch.resumed and (known := self._known(batch, position, upload)):
            return known

        def write_item(transaction: Transaction, job: AcceptedJob) -> None:
            transaction.batches.put(
                NewBatchItem(
                    batch.id,
                    position,
                    upload.filename,
                    upload.file.sha256,
                    job.job_id,
                    deduplicated=job.deduplicated,
                )
            )

        for _ in range(MOST_TRIES):
            try:
                return self._intake.inspect_and_store(upload, Lane.BULK, beside=write_item)
            except WrittenByAnother:
                if known := self._known(batch, position, upload):
                    return known  # else it was erased since, and the place is free again
            except InputRejected as error:
                self.refuse(batch, position, upload.filename, error)
                raise
        raise IdempotencyConflict(ERASED_EACH_TIME)

    def has_taken(self, batch: OpenBatch, position: int) -> bool:
        """Whether an earlier request with the same key has brought the file at this position."""
        if not batch.resumed:
            return False
        with self._database.read() as transaction:
            item = transaction.batches.item_at(batch.id, position)
        return item is not None and item.job_id is not None

    @again_after_deadlock
    def refuse(self, batch: OpenBatch, position: int, filename: str, error: InputRejected) -> None:
        """Write down that the file at this position was not taken.

        Raises `IdempotencyConflict` when an earlier request has put another file there, which stays.
        """
        item = NewBatchItem(batch.id, position, filename, None, None, error.code, error.message)
        try:
            with self._database.write() as transaction:
                transaction.batches.put(item)
        except WrittenByAnother as taken:
            raise _differs(position) from taken

    def describe(self, batch_id: str, owner_id: str, *, first: int, limit: int) -> dict[str, Any]:
        """Counts by status, and a page of items from the position `first` on."""
        with self._database.read() as transaction:
            if not transaction.batches.belongs_to(batch_id, owner_id=owner_id):
                raise BatchNotFound
            counts = transaction.batches.counts(batch_id)
            items = transaction.batches.items(batch_id, first=first, limit=limit)
            created_at_ms = transaction.batches.created_at_ms(batch_id)
        total = sum(counts.values())
        waiting = counts[JobStatus.SUBMITTED] + counts[JobStatus.PROCESSING]
        return {
            "batch_id": batch_id,
            "created_at": created_at_ms // 1000,
            "total": total,
            "done": waiting == 0,
            "counts": counts,
            "items": [_item_answer(item) for item in items],
            "next": items[-1].position + 1 if len(items) == limit else None,
        }

    @again_after_deadlock
    def _insert(self, owner_id: str, idempotency_key: str | None, fingerprint: str) -> OpenBatch:
        batch_id = new_id()
        with self._database.write() as transaction:
            if idempotency_key:
                transaction.idempotency.insert(
                    idempotency_key, owner_id=owner_id, fingerprint=fingerprint, batch_id=batch_id
                )
            transaction.batches.insert(batch_id, owner_id=owner_id)
        return OpenBatch(batch_id, owner_id, resumed=False)

    def _known(self, batch: OpenBatch, position: int, upload: Upload) -> AcceptedJob | None:
        """The job that an earlier request made of this very file, if it got so far."""
        with self._database.read() as transaction:
            item = transaction.batches.item_at(batch.id, position)
            if item is None or item.job_id is None:
                return None
            if item.sha256 != upload.file.sha256:
                raise _differs(position)
            job = transaction.jobs.get(item.job_id, owner_id=batch.owner_id)
        if job is None:  # erased a moment ago, as the item says by now
            return None
        return answered_before(job, item.filename, deduplicated=item.deduplicated)


def _differs(position: int) -> IdempotencyConflict:
    return IdempotencyConflict(f"File {position + 1} differs from the one first sent with this key.")


def _item_answer(item: BatchItemRecord) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "position": item.position,
        "filename": item.filename,
        "job_id": item.job_id,
        "status": item.status or "rejected",
    }
    if item.error_code:
        answer["error"] = {"code": item.error_code, "message": item.error_message}
    return answer
