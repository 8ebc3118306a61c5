"""Ways to break a house by hand: each leaves one disagreement, and names it as `verify` does."""

import time
from collections.abc import Callable

from tests.integration.cli.household import INTERACTIVE, Household
from veilgate.domain.ids import new_id, uuid7

# Takes ids of its own from the finished jobs; returns the subject.
Break = Callable[[Household, list[str]], str]


def lose_a_thumbnail(household: Household, finished: list[str]) -> str:
    job_id = finished.pop()
    household.store.delete([f"{household.result_key(job_id)}thumbnail-320.jpg"])
    return f"job {job_id}"


def forget_what_an_image_shows(household: Household, finished: list[str]) -> str:
    job_id = finished.pop()
    household.execute("UPDATE processed_images SET current_job_id = NULL WHERE id = :id", id=job_id)
    return f"image {job_id}"


def show_the_result_of_another_image(household: Household, finished: list[str]) -> str:
    job_id = finished.pop()
    other = finished[0]
    household.execute(
        "UPDATE processed_images SET current_job_id = :other WHERE id = :id", id=job_id, other=other
    )
    return f"image {job_id}"


def leave_files_of_a_lost_claim(household: Household, finished: list[str]) -> str:
    job_id = finished.pop()
    household.store.put(f"results/{job_id}/7/processed.jpg", b"zombie", media_type="image/jpeg")
    return f"results/{job_id}/"


def leave_files_of_an_unknown_job(household: Household, _finished: list[str]) -> str:
    four_days_ago = int(time.time() * 1000) - 4 * 86_400_000
    job_id = uuid7(unix_ms=four_days_ago, random=1)
    for name in ("processed.jpg", "thumbnail-320.jpg"):
        household.store.put(f"results/{job_id}/1/{name}", b"x", media_type="image/jpeg")
    return f"results/{job_id}/"


def leave_files_of_a_cancelled_job(household: Household, _finished: list[str]) -> str:
    [job_id] = household.upload()
    assert household.jobs("cancel", job_id).returncode == 0
    household.execute("UPDATE jobs SET fence = 1 WHERE id = :id", id=job_id)
    household.age(job_id)
    household.redis.lrem(f"rq:queue:{INTERACTIVE}", 0, job_id)
    household.store.put(f"results/{job_id}/1/processed.jpg", b"x", media_type="image/jpeg")
    return f"results/{job_id}/"


def bring_back_the_original_of_an_erased_image(household: Household, finished: list[str]) -> str:
    image_id = finished.pop()
    [row] = household.gateway.select(f"SELECT original_key FROM processed_images WHERE id = '{image_id}'")  # noqa: S608
    assert household.gateway.http.delete(f"/images/{image_id}").status_code == 204
    household.execute("UPDATE tombstones SET look_at_ms = NULL WHERE image_id = :id", id=image_id)
    household.store.put(row["original_key"], b"x", media_type="image/jpeg")
    return f"image {image_id}"


def lose_the_event_of_an_end(household: Household, finished: list[str]) -> str:
    job_id = finished.pop()
    household.execute("DELETE FROM stage_events WHERE job_id = :id AND outcome = 'completed'", id=job_id)
    household.execute("UPDATE jobs SET event_seq = event_seq - 1 WHERE id = :id", id=job_id)
    return f"job {job_id}"


def let_a_lease_run_out(household: Household, _finished: list[str]) -> str:
    [job_id] = household.upload()
    household.execute(
        "UPDATE jobs SET status = 'processing', fence = 1, deliveries = 1, worker = 'w', lease_until_ms = 1"
        " WHERE id = :id",
        id=job_id,
    )
    return f"job {job_id}"


def take_a_job_off_its_list(household: Household, _finished: list[str]) -> str:
    [job_id] = household.upload()
    household.wait_until_listed(job_id)
    household.age(job_id)
    household.redis.lrem(f"rq:queue:{INTERACTIVE}", 0, job_id)
    return f"job {job_id}"


def list_a_job_that_ended(household: Household, finished: list[str]) -> str:
    job_id = finished.pop()
    household.redis.rpush(f"rq:queue:{INTERACTIVE}", job_id)
    return f"job {job_id}"


def list_a_job_that_nobody_knows(household: Household, _finished: list[str]) -> str:
    job_id = new_id()
    household.redis.rpush("rq:queue:images-bulk", job_id)
    return f"job {job_id}"


def let_a_worker_die_and_nobody_sweep(household: Household, _finished: list[str]) -> str:
    [job_id] = household.upload()
    household.wait_until_listed(job_id)
    household.redis.lrem(f"rq:queue:{INTERACTIVE}", 0, job_id)
    household.redis.zadd(f"rq:wip:{INTERACTIVE}", {f"{job_id}:execution": time.time() - 600})
    return f"job {job_id}"


# What --repair puts right.
REPAIRABLE: tuple[tuple[Break, str], ...] = (
    (lose_a_thumbnail, "result_missing"),
    (forget_what_an_image_shows, "pointer_missing"),
    (show_the_result_of_another_image, "pointer_wrong"),
    (leave_files_of_a_lost_claim, "result_orphan"),
    (leave_files_of_an_unknown_job, "result_orphan"),
    (leave_files_of_a_cancelled_job, "result_orphan"),
    (bring_back_the_original_of_an_erased_image, "erased_leftover"),
    (lose_the_event_of_an_end, "event_of_end_missing"),
    (let_a_lease_run_out, "lease_overdue"),
    (take_a_job_off_its_list, "job_not_listed"),
    (list_a_job_that_ended, "entry_of_ended_job"),
    (list_a_job_that_nobody_knows, "entry_of_unknown_job"),
    (let_a_worker_die_and_nobody_sweep, "rq_lease_overdue"),
)
