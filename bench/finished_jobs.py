"""Fills a database with jobs that are done, as a gateway has after a year: rows only, no pictures."""

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine

from database_models import jobs, processed_images, stage_events, totals
from veilgate.domain.access import ANONYMOUS
from veilgate.domain.ids import uuid7
from veilgate.domain.options import UploadOptions
from veilgate.persistence.engine import WRITES, open_engine

_ROWS_A_TRANSACTION = 5000
_EVERY_MS = 150_000  # one job each 2.5 minutes: 200,000 are a year
_TOLD = 1000
_STAGES = ("decode_picture", "find_faces", "find_vehicles", "blur_regions", "store_copies")
_FACES = 5


def fill(database_url: str, count: int) -> list[str]:
    """Insert so many, oldest first; returns the ids of up to a thousand all over the table."""
    engine = open_engine(database_url)
    try:
        return _add(engine, count)
    finally:
        engine.dispose()


def _add(engine: Engine, count: int) -> list[str]:
    ids: list[str] = []
    step = max(1, count // _TOLD)
    first_ms = time.time_ns() // 1_000_000 - count * _EVERY_MS
    writing = engine.execution_options(**{WRITES: True})
    for start in range(0, count, _ROWS_A_TRANSACTION):
        numbers = range(start, min(count, start + _ROWS_A_TRANSACTION))
        made = [(uuid7(unix_ms=first_ms + n * _EVERY_MS, random=n << 40 | n), n) for n in numbers]
        with writing.begin() as connection:
            _insert(connection, [(job_id, first_ms + n * _EVERY_MS) for job_id, n in made])
        ids += [job_id for job_id, n in made if n % step == 0]
    with writing.begin() as connection:
        connection.execute(totals.delete().where(totals.c.name == "completed"))
        connection.execute(totals.insert(), [{"name": "completed", "value": count}])
    return ids


def _insert(connection: Connection, made: list[tuple[str, int]]) -> None:
    connection.execute(processed_images.insert(), [image_row(job_id, at_ms) for job_id, at_ms in made])
    connection.execute(jobs.insert(), [job_row(job_id, at_ms) for job_id, at_ms in made])
    connection.execute(
        stage_events.insert(), [event for job_id, at_ms in made for event in _events(job_id, at_ms)]
    )


def image_row(job_id: str, at_ms: int) -> dict[str, Any]:
    return {
        "id": job_id,
        "owner_id": ANONYMOUS,
        "sha256": job_id.replace("-", "").ljust(64, "0"),
        "filename": "photo.jpg",
        "file_size": 100_000,
        "format": "jpeg",
        "width": 1024,
        "height": 768,
        "original_key": f"original/2026/01/01/{job_id}",
        "current_job_id": job_id,
        "created_at_ms": at_ms,
        "updated_at_ms": at_ms + 900,
    }


def job_row(job_id: str, at_ms: int) -> dict[str, Any]:
    return {
        "id": job_id,
        "owner_id": ANONYMOUS,
        "image_id": job_id,
        "kind": "veil",
        "lane": "interactive",
        "dedup_key": hashlib.sha256(job_id.encode()).hexdigest(),
        "status": "completed",
        "fence": 1,
        "attempts": 0,
        "deliveries": 1,
        "suspect": False,
        "ran_alone": False,
        "worker": "bench.1",
        "not_before_ms": at_ms,
        "dispatched_at_ms": at_ms + 2,
        "options": UploadOptions().as_json(),
        "event_seq": len(_STAGES) + 3,
        "result_key": f"results/{job_id}/1/",
        "results": json.dumps(_results(job_id)),
        "created_at_ms": at_ms,
        "updated_at_ms": at_ms + 900,
        "started_at_ms": at_ms + 10,
        "finished_at_ms": at_ms + 900,
    }


def _events(job_id: str, at_ms: int) -> Iterator[dict[str, Any]]:
    said = [("job", "submitted"), ("job", "processing"), *((stage, "produced") for stage in _STAGES)]
    for number, (stage, outcome) in enumerate([*said, ("job", "completed")]):
        yield {
            "job_id": job_id,
            "seq": number + 1,
            "attempt": min(number, 1),
            "stage": stage,
            "outcome": outcome,
            "payload": json.dumps({"faces": _faces()[:2]} if stage == "find_faces" else {"count": 1}),
            "took_ms": 20,
            "model": "centerface" if stage == "find_faces" else None,
            "created_at_ms": at_ms + 100 * number,
        }


def _faces() -> list[dict[str, Any]]:
    return [{"box": [100 * n, 40, 100 * n + 64, 128], "score": 0.91 - n / 50} for n in range(_FACES)]


def _results(job_id: str) -> dict[str, Any]:
    place = f"file:///srv/veilgate/data/objects/results/{job_id}/1/"
    return {
        "original_image_path": f"file:///srv/veilgate/data/objects/original/2026/01/01/{job_id}",
        "processed_image_path": f"{place}processed.jpg",
        "thumbnail_paths": {str(side): f"{place}thumbnail-{side}.jpg" for side in (200, 400, 800)},
        "processing_time": 0.89,
        "queue_time": 0.01,
        "blur_metadata": {
            "style": "mosaic",
            "shape": "ellipse",
            "mask_scale": 1.3,
            "regions": _FACES,
            "count": _FACES,
            "threshold": 0.2,
            "faces": _faces(),
            "model": "centerface",
        },
        "detection_metadata": {
            "count": 2,
            "threshold": 0.65,
            "counts": {"car": 2},
            "vehicles": [{"box": [10, 300, 400, 700], "score": 0.88, "class": "car"}] * 2,
            "model": "vehicles-v1",
        },
        "stages": {stage: {"outcome": "produced", "ms": 20} for stage in _STAGES},
        "options": UploadOptions().as_dict(),
    }
