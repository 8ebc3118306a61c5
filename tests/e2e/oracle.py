"""What must hold after every fault: read from database, Redis and disk, not from answers."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from redis import Redis

from veilgate.domain.families import FAMILIES


def check_house(data_dir: Path, redis_url: str, accepted: Iterable[str]) -> None:
    """Every accepted job completed, once, with its files; nothing half, nothing left over."""
    accepted_ids = set(accepted)
    with closing(sqlite3.connect(data_dir / "veilgate.db")) as database:
        _check_rows(database, accepted_ids)
        _check_events(database)
        _check_files(database, data_dir)
    check_lists_empty(redis_url)


def _check_rows(database: sqlite3.Connection, accepted: set[str]) -> None:
    rows = database.execute("SELECT id, status, attempts, error_code FROM jobs").fetchall()
    assert {row[0] for row in rows} == accepted, "jobs and 202 answers differ"
    assert [row for row in rows if row[1] != "completed"] == []
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    pointers = database.execute("SELECT count(*) FROM processed_images WHERE current_job_id IS NULL")
    assert pointers.fetchone() == (0,)


def _check_events(database: sqlite3.Connection) -> None:
    """Numbers 1..n without a gap, and exactly one end for each job."""
    gaps = database.execute(
        "SELECT job_id, count(*), min(seq), max(seq) FROM stage_events GROUP BY job_id"
        " HAVING min(seq) <> 1 OR max(seq) <> count(*)"
    )
    assert gaps.fetchall() == []
    ends = database.execute(
        "SELECT job_id, count(*) FROM stage_events WHERE stage = 'job' AND outcome = 'completed'"
        " GROUP BY job_id HAVING count(*) <> 1"
    )
    assert ends.fetchall() == []


def _check_files(database: sqlite3.Connection, data_dir: Path) -> None:
    """Each result has its three files below the key of the winning fence, and no other fence left any."""
    objects = data_dir / "objects"
    for job_id, result_key, suffix in database.execute(
        "SELECT jobs.id, result_key, CASE format WHEN 'jpeg' THEN 'jpg' ELSE format END"
        " FROM jobs JOIN processed_images ON processed_images.id = image_id"
    ):
        found = {path.relative_to(objects).as_posix() for path in (objects / "results" / job_id).rglob("*.*")}
        names = (f"processed.{suffix}", "thumbnail-320.jpg", "thumbnail-1024.jpg")
        assert found == {f"{result_key}{name}" for name in names}
    originals = database.execute("SELECT original_key FROM processed_images").fetchall()
    assert all((objects / key).is_file() for (key,) in originals)


def check_lists_empty(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        for family in FAMILIES:
            for name in family.queues.values():
                assert redis.llen(f"rq:queue:{name}") == 0, f"{name} is not empty"
                assert redis.llen(f"rq:queue:{name}:intermediate") == 0, f"{name} has handed-over jobs"
                assert redis.zcard(f"rq:wip:{name}") == 0, f"{name} has started jobs"
