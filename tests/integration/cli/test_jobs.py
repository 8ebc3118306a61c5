"""`veilgate jobs list`, `show`, `retry`, `cancel`, `requeue-missing`: whoever's jobs they are."""

import json
from typing import Any

import pytest

from tests.integration.cli.household import INTERACTIVE, Household
from veilgate.domain.ids import new_id


@pytest.fixture(autouse=True)
def _nothing_listed(household: Household) -> None:
    """Each test sees its own jobs on the lists."""
    household.redis.delete(f"rq:queue:{INTERACTIVE}")


def listed(household: Household, *words: str) -> list[dict[str, Any]]:
    answer = household.jobs("list", "--json", *words)
    assert answer.returncode == 0, answer.stderr
    jobs: list[dict[str, Any]] = json.loads(answer.stdout)["jobs"]
    return jobs


def ids(jobs: list[dict[str, Any]]) -> list[str]:
    return [job["id"] for job in jobs]


def give_away(household: Household, job_id: str) -> None:
    """To an owner of another name, with its image."""
    household.execute("UPDATE jobs SET owner_id = 'somebody' WHERE id = :id", id=job_id)
    household.execute("UPDATE processed_images SET owner_id = 'somebody' WHERE id = :id", id=job_id)


def fail(household: Household, job_id: str, code: str = "undecodable") -> None:
    give_away(household, job_id)
    household.execute(
        "UPDATE jobs SET status = 'failed', attempts = 1, error_code = :code, error_message = 'No.'"
        " WHERE id = :id",
        code=code,
        id=job_id,
    )


def test_lists_find_by_status_age_and_image(household: Household) -> None:
    first, second, third, failed = household.upload(4)
    fail(household, failed)
    household.execute(
        "UPDATE jobs SET created_at_ms = created_at_ms - 7200000 WHERE id IN (:a, :b)", a=first, b=failed
    )
    assert ids(listed(household, "--limit", "3")) == [failed, third, second], "the newest first"
    waiting = ids(listed(household, "--status", "submitted", "--limit", "10000"))
    assert waiting[-3:] == [first, second, third], "who waits longest first"
    assert failed in ids(listed(household, "--status", "failed", "cancelled"))
    assert failed not in waiting
    assert ids(listed(household, "--image", second)) == [second]
    assert listed(household, "--image", second, "--status", "failed") == []
    assert ids(listed(household, "--older-than", "1h", "--image", first)) == [first]
    assert listed(household, "--older-than", "1h", "--image", second) == []
    # Without an image ids tell where to begin, and no clock is an hour wrong: see `test_inventory`.
    assert ids(listed(household, "--older-than", "1h")) == []


def test_the_table_is_for_people(household: Household) -> None:
    [job_id] = household.upload()
    fail(household, job_id)
    answer = household.jobs("list", "--limit", "1")
    title, row, counts = answer.stdout.splitlines()
    assert title.split() == ["id", "kind", "status", "lane", "age", "tries", "worker", "error"]
    assert row.split()[:4] == [job_id, "veil", "failed", "interactive"]
    assert row.split()[-1] == "undecodable"
    assert counts.endswith(" cancelled")
    assert answer.stderr == ""


def test_show_says_everything(household: Household) -> None:
    [job_id] = household.upload(verify="true")
    household.wait_until_listed(job_id)
    fail(household, job_id)
    answer = household.jobs("show", job_id)
    assert answer.returncode == 0, answer.stderr
    for text in (
        f"{job_id}  failed (veil, interactive), owner somebody",
        "64×48 jpeg",
        "a.jpg  ",
        f"{household.original(job_id)}  is there",
        "verify True",
        "attempts 1, deliveries 0, fence 0",
        "undecodable: No.",
        f"waits on {INTERACTIVE}, 0 before it",
        "submitted",
    ):
        assert text in answer.stdout, text
    household.store.delete([household.original(job_id)])
    assert "is missing" in household.jobs("show", job_id).stdout
    document = json.loads(household.jobs("show", job_id, "--json").stdout)
    assert document["job"]["sha256"] in answer.stdout
    assert document["redis"]["standing"] == "waiting"
    assert [event["seq"] for event in document["events"]] == [1]
    household.store.put(household.original(job_id), b"x", media_type="image/jpeg")


def test_show_without_redis_says_so(household: Household) -> None:
    [job_id] = household.upload()
    answer = household.jobs("show", job_id, REDIS_URL="unix:///nowhere/redis.sock")
    assert answer.returncode == 0
    assert "not known: Redis cannot be reached." in answer.stdout


def test_anybodys_job_is_cancelled_and_retried(household: Household) -> None:
    [job_id] = household.upload()
    household.wait_until_listed(job_id)
    give_away(household, job_id)
    household.redis.delete(f"rq:queue:{INTERACTIVE}")
    assert household.jobs("cancel", job_id).stdout == f"{job_id}  cancelled\n"
    assert household.jobs("cancel", job_id).stdout == f"{job_id}  was cancelled before\n"
    assert household.jobs("retry", job_id).stdout == f"{job_id}  submitted again\n"
    assert household.waiting() == [job_id], "at once, without waiting for the reconciler"
    assert household.one("SELECT dispatched_at_ms FROM jobs WHERE id = :id", id=job_id)
    assert household.jobs("retry", job_id).stdout == f"{job_id}  waits or runs already\n"


def test_one_that_cannot_be_done_keeps_no_other_from_it(household: Household) -> None:
    unknown = new_id()
    [job_id] = household.upload()
    answer = household.jobs("cancel", unknown, "../etc", job_id)
    assert (answer.returncode, answer.stdout) == (1, f"{job_id}  cancelled\n")
    assert f"{unknown}: There is no such job." in answer.stderr
    household.execute("UPDATE jobs SET status = 'completed' WHERE id = :id", id=job_id)
    answer = household.jobs("retry", job_id)
    assert (answer.returncode, "is completed" in answer.stderr) == (1, True)


def test_all_that_failed_of_one_cause_are_retried(household: Household) -> None:
    household.jobs("retry", "--failed")
    household.redis.delete(f"rq:queue:{INTERACTIVE}")
    failed = household.upload(5)
    household.wait_until_listed(*failed)
    household.redis.delete(f"rq:queue:{INTERACTIVE}")
    for number, job_id in enumerate(failed):
        fail(household, job_id, "worker_died" if number < 3 else "undecodable")
    assert household.jobs("retry", "--failed", "--code", "worker_died").stdout == "3 jobs submitted again\n"
    assert household.waiting() == failed[:3]
    answer = household.jobs("retry", "--failed", REDIS_URL="unix:///nowhere/redis.sock")
    assert answer.stdout == "2 jobs submitted again\n"
    assert "reconciler" in answer.stderr
    assert household.jobs("retry", "--failed").stdout == "0 jobs submitted again\n"


def test_what_is_on_no_list_is_put_there(household: Household) -> None:
    household.jobs("requeue-missing")
    lost, kept = household.upload(2)
    household.wait_until_listed(lost, kept)
    household.redis.lrem(f"rq:queue:{INTERACTIVE}", 0, lost)
    assert household.jobs("requeue-missing").stdout == "1 job put on a list\n"
    assert household.waiting()[-2:] == [kept, lost]
    assert household.jobs("requeue-missing").stdout == "0 jobs put on a list\n"
    answer = household.jobs("requeue-missing", REDIS_URL="unix:///nowhere/redis.sock")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "veilgate: REDIS_URL: Redis cannot be reached.\n"


def test_verify_without_redis_checks_the_rest_and_says_so(household: Household) -> None:
    key = f"results/{new_id()}/1/processed.jpg"
    household.store.put(key, b"x", media_type="image/jpeg")
    answer = household.jobs("verify", REDIS_URL="unix:///nowhere/redis.sock")
    assert answer.returncode == 1
    assert f"result_orphan  {key.removesuffix('1/processed.jpg')}: " in answer.stdout
    assert "REDIS_URL: Redis cannot be reached. Not checked: list entries." in answer.stderr
    household.store.delete([key])
