"""`veilgate jobs verify`: each disagreement is found by name, put right once, and nothing else is touched."""

import shutil
from pathlib import Path

from tests.integration.cli.breakages import REPAIRABLE
from tests.integration.cli.household import INTERACTIVE, Household


def test_each_breakage_is_found_repaired_and_gone(household: Household, finished: list[str]) -> None:
    assert household.found(deep=True) == set(), "the house agrees before anything is broken"
    broken = {(name, make(household, finished)) for make, name in REPAIRABLE}
    everything = state_of(household)
    assert household.found() == broken
    assert state_of(household) == everything, "looking changes nothing"

    code, findings, summary = household.documents("--repair")
    assert {(one["finding"], one["subject"]) for one in findings if one["repaired"]} == broken
    assert (code, summary["left"], len(findings)) == (0, {}, len(broken))

    everything = state_of(household)
    code, findings, _ = household.documents("--repair", "--deep")
    assert (code, findings) == (0, [])
    assert state_of(household) == everything, "a second repair changes nothing"


def test_a_repaired_result_is_made_again_with_the_same_options(
    household: Household, finished: list[str]
) -> None:
    job_id = finished.pop()
    household.store.delete([f"{household.result_key(job_id)}processed.jpg"])
    [verdict], summary = household.verify(repair=True)
    assert (verdict.finding.name, summary.agrees) == ("result_missing", True)
    redo = household.one("SELECT id FROM jobs WHERE image_id = :id AND id <> :id", id=job_id)
    assert redo in verdict.repaired
    assert redo in household.waiting()
    options = "SELECT options FROM jobs WHERE id = :id"
    assert household.one(options, id=redo) == household.one(options, id=job_id)

    # One that fails stands in for nothing: it is done once more.
    household.execute("UPDATE jobs SET status = 'cancelled', event_seq = 1 WHERE id = :id", id=redo)
    household.execute("UPDATE stage_events SET outcome = 'cancelled' WHERE job_id = :id", id=redo)
    household.redis.lrem(f"rq:queue:{INTERACTIVE}", 0, redo)
    [verdict], _ = household.verify(repair=True)
    assert verdict.repaired
    assert redo not in verdict.repaired
    assert household.one("SELECT count(*) FROM jobs WHERE image_id = :id", id=job_id) == 3
    assert household.found() == set()


def test_a_lost_picture_that_is_sent_again_is_taken_again(household: Household, finished: list[str]) -> None:
    job_id = finished.pop()
    original = household.original(job_id)
    data = household.store.get(original)
    household.store.delete([original])
    again = household.gateway.upload(data).json()
    assert (again["job_id"], again["deduplicated"]) == (job_id, True)
    [verdict], _ = household.verify(repair=True)
    assert (verdict.finding.name, verdict.repaired) == ("original_missing", "")
    sent_again = household.gateway.accepted_job(data)
    household.wait_until_listed(sent_again)
    assert household.store.get(household.original(sent_again)) == data
    household.store.put(original, data, media_type="image/jpeg")


def test_what_is_lost_for_good_is_said_and_left(household: Household, finished: list[str]) -> None:
    no_original, other_size, other_bytes, both, gap = (finished.pop() for _ in range(5))
    originals = [household.original(job_id) for job_id in (no_original, other_size, other_bytes, both)]
    result = f"{household.result_key(both)}processed.jpg"
    contents = {key: household.store.get(key) for key in (*originals, result)}
    last_seq = household.one("SELECT event_seq FROM jobs WHERE id = :id", id=gap)

    household.store.delete([household.original(no_original), household.original(both), result])
    household.store.put(household.original(other_size), b"short", media_type="image/jpeg")
    changed = bytes(len(contents[household.original(other_bytes)]))
    household.store.put(household.original(other_bytes), changed, media_type="image/jpeg")
    household.execute("UPDATE stage_events SET seq = 99 WHERE job_id = :id AND seq = 2", id=gap)

    expected = {
        ("original_missing", f"image {no_original}"),
        ("original_missing", f"image {both}"),
        ("result_missing", f"job {both}"),
        ("original_size", f"image {other_size}"),
        ("events_gap", f"job {gap}"),
        ("original_sha256", f"image {other_bytes}"),
    }
    # All that is changed is that they no longer answer who sends the same again.
    for job_id in (no_original, other_size, other_bytes, both):
        household.execute("UPDATE jobs SET dedup_key = NULL WHERE id = :id", id=job_id)
    everything = state_of(household)
    assert household.found() == {one for one in expected if one[0] != "original_sha256"}
    verdicts, summary = household.verify(repair=True, deep=True)
    assert {(one.finding.name, one.finding.subject) for one in verdicts} == expected
    assert all(one.not_repaired for one in verdicts)
    assert sum(summary.left.values()) == len(expected)
    assert state_of(household) == everything

    for key, data in contents.items():
        household.store.put(key, data, media_type="image/jpeg")
    household.execute("UPDATE stage_events SET seq = 2 WHERE job_id = :id AND seq = 99", id=gap)
    assert last_seq == household.one("SELECT event_seq FROM jobs WHERE id = :id", id=gap)
    assert household.found(deep=True) == set()


def test_what_is_on_its_way_is_not_wrong(household: Household, finished: list[str]) -> None:
    """Young, or of a job that runs: all of it would be a finding if it were old and nobody's."""
    [unlisted, running, cancelled] = household.upload(3)
    household.wait_until_listed(unlisted, running, cancelled)
    household.redis.lrem(f"rq:queue:{INTERACTIVE}", 0, unlisted)
    future = household.one("SELECT max(created_at_ms) FROM jobs") + 3_600_000
    household.age(unlisted)
    household.execute("UPDATE jobs SET not_before_ms = :ms WHERE id = :id", ms=future, id=unlisted)
    household.execute(
        "UPDATE jobs SET status = 'processing', fence = 2, worker = 'w', lease_until_ms = :ms WHERE id = :id",
        ms=future,
        id=running,
    )
    for fence in (1, 2):
        household.store.put(f"results/{running}/{fence}/processed.jpg", b"x", media_type="image/jpeg")
    assert household.jobs("cancel", cancelled).returncode == 0
    household.store.put(f"results/{cancelled}/1/processed.jpg", b"x", media_type="image/jpeg")
    verdicts, summary = household.verify(repair=True, patience_ms=180_000)
    assert (verdicts, summary.agrees) == ([], True)


def test_a_store_of_another_house_is_not_emptied(
    household: Household, finished: list[str], migrated_file: Path, tmp_path: Path
) -> None:
    shutil.copy(migrated_file, tmp_path / "empty.db")
    elsewhere = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'empty.db'}",
        "REDIS_URL": household.redis_url.replace("db=3", "db=4"),
    }
    before = sorted(household.store.list(""))
    code, findings, _ = household.documents("--repair", **elsewhere)
    assert (code, {one["finding"] for one in findings}) == (1, {"result_orphan"})
    assert all("DATABASE_URL" in one["not_repaired"] for one in findings)
    assert sorted(household.store.list("")) == before


def state_of(household: Household) -> tuple[object, ...]:
    """Everything that a repair may change."""
    keys = sorted(household.redis.keys("rq:queue:*") + household.redis.keys("rq:[wf]*:images-*"))
    lists = [(key, household.redis.dump(key)) for key in keys]
    rows = [
        household.gateway.select(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608 - our own names
        for table in ("jobs", "processed_images", "stage_events", "tags", "idempotency_keys")
    ]
    return sorted(household.store.list("")), lists, rows
