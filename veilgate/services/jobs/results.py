"""The result that callers read, assembled from what the stages reported."""

from typing import Any

from veilgate.domain.lookups import Bill
from veilgate.domain.outcomes import Outcome, OutcomeKind
from veilgate.services.engines.bills import bill_of
from veilgate.services.engines.picture_engine import PictureEnd
from veilgate.storage.ports import ObjectStore


def assemble_results(end: PictureEnd, store: ObjectStore) -> dict[str, Any]:
    """The `results` of a completed job."""
    faces, blur = end.outcomes["find_faces"], end.outcomes["blur_regions"]
    copies = end.outcomes["store_copies"].report
    return {
        "original_image_path": store.uri(end.work.original_key),
        "processed_image_path": copies["processed"],
        "thumbnail_paths": copies["thumbnails"],
        "processing_time": end.took_ms / 1000,
        "queue_time": end.work.queued_ms / 1000,
        "blur_metadata": {
            **blur.report,
            **{name: faces.report[name] for name in ("count", "threshold", "targets", "faces")},
            "model": faces.model,
            "verify": dict(second.report) if (second := end.outcomes.get("verify_veil")) else None,
        },
        "detection_metadata": {
            **_optional_stage(end.outcomes["find_vehicles"]),
            "also_found": faces.report["also_found"],
        },
        "embedding_metadata": _optional_stage(end.outcomes["embed_picture"]),
        "stages": {
            name: {"outcome": outcome.kind, "ms": end.stage_ms.get(name, 0)}
            for name, outcome in end.outcomes.items()
        },
        "options": end.work.options.as_dict(),
    }


def outcome_payload(outcome: Outcome) -> dict[str, Any]:
    """What an event says of an outcome."""
    if outcome.kind is OutcomeKind.PRODUCED:
        return dict(outcome.report)
    if outcome.error is not None:
        bill = bill_of(outcome)
        cost = {} if bill == Bill() else {"cost": bill.as_dict()}
        return {"error": {"code": outcome.error.code, "message": outcome.error.message}, **cost}
    return {"reason": outcome.reason, **outcome.report}


def _optional_stage(outcome: Outcome) -> dict[str, Any]:
    if outcome.kind is OutcomeKind.PRODUCED:
        return {**outcome.report, "model": outcome.model}
    return {
        str(outcome.kind): outcome_payload(outcome).get("reason") or outcome_payload(outcome).get("error")
    }
