"""What the end of a veil job writes: what is shown from now on, and what it is found by."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from veilgate.domain.errors import VeilgateError
from veilgate.domain.jobs import JobKind
from veilgate.domain.totals import COPIED, COPY_BYTES, DEVICE_MS
from veilgate.persistence.records import DueJob
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.services.engines.picture_engine import PictureEnd
from veilgate.services.engines.settlements import Settlement, Verdict, completed, count
from veilgate.services.engines.superseded_files import drop_superseded
from veilgate.services.finding.findable import write_embeddings, write_words
from veilgate.services.jobs.lookup_jobs import LookupJobs
from veilgate.services.jobs.results import assemble_results
from veilgate.storage.keys import result_prefix
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import DETECTION_CONFIDENCE, DETECTIONS, from_zero

_log = get_logger(__name__)
DETECTED = "detected"
# Of models, as Prometheus is told.
_KINDS = ("faces", "vehicles")


class PictureEnds:
    kind = JobKind.VEIL

    def __init__(self, database: Database, store: ObjectStore, lookups: LookupJobs) -> None:
        from_zero(DETECTION_CONFIDENCE, _KINDS)
        self._database = database
        self._store = store
        self._lookups = lookups

    def results(self, end: PictureEnd) -> Mapping[str, Any]:
        return assemble_results(end, self._store)

    def result_key(self, end: PictureEnd) -> str:
        return result_prefix(end.work.job_id, end.work.fence)

    def write(
        self, transaction: Transaction, ended: Sequence[tuple[PictureEnd, Settlement]]
    ) -> Sequence[DueJob]:
        done = completed(ended)
        # The newest request is what is shown, in whatever order requests end.
        shown = [end for end in done if transaction.images.point_to(end.work.image_id, end.work.job_id)]
        for end in shown:
            detected = _detected_counts(end)
            transaction.images.replace_tags(end.work.image_id, DETECTED, detected, owner_id=end.work.owner_id)
        write_words(transaction, [(end.work, _detected_counts(end)) for end in shown])
        write_embeddings(transaction, [end.work for end in shown])
        return self._lookups.begin_wanted(transaction, [end.work.job_id for end in done])

    def totals(self, ended: Sequence[tuple[PictureEnd, Settlement]]) -> Mapping[str, int]:
        done = completed(ended)
        return {
            "completed": len(done),
            "failed": count(ended, Verdict.FAILED),
            "retries": count(ended, Verdict.RETRIED),
            "processing_ms": sum(end.took_ms for end in done),
            "faces_veiled": sum(end.outcomes["find_faces"].report["count"] for end in done),
            "vehicles_found": sum(sum(_vehicle_counts(end).values()) for end in done),
            DEVICE_MS: sum(end.device_ms for end, one in ended if one.verdict is not Verdict.LOST),
            COPIED: len(done),
            COPY_BYTES: sum(end.outcomes["store_copies"].report.get("stored_bytes", 0) for end in done),
        }

    def count_found(self, end: PictureEnd) -> None:
        faces, vehicles = end.outcomes["find_faces"].report, end.outcomes["find_vehicles"].report
        found = [*faces["faces"], *faces["also_found"]], vehicles.get("vehicles", [])
        for kind, detections in zip(_KINDS, found, strict=True):
            for one in detections:
                DETECTIONS.labels(one["label"]).inc()
                DETECTION_CONFIDENCE.labels(kind).observe(one["score"])

    def clear(self, settlement: Settlement) -> None:
        """Remove the files of this claim, unless it won, and of those before it."""
        job_id, fence = settlement.job_id, settlement.fence
        if settlement.verdict is Verdict.LOST:
            _log.warning(
                "record.discarded", job_id=job_id, attempt=fence, correlation_id=settlement.correlation_id
            )
        if settlement.verdict is Verdict.COMPLETED and fence == 1:
            return
        try:
            drop_superseded(self._database, self._store, job_id=job_id, fence=fence)
        except (VeilgateError, OSError):
            _log.warning("record.superseded_files_left", job_id=job_id)


def _vehicle_counts(end: PictureEnd) -> dict[str, int]:
    counts: dict[str, int] = end.outcomes["find_vehicles"].report.get("counts", {})
    return counts


def _detected_counts(end: PictureEnd) -> dict[str, int]:
    """What was found and reported, by class: vehicles, and what else the face model knows."""
    also: dict[str, int] = end.outcomes["find_faces"].report["also_counts"]
    return dict(Counter(also) + Counter(_vehicle_counts(end)))
