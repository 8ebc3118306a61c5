"""Erasing while somebody dies, while the object store is away, and while a worker has the picture."""

import httpx

from tests.faults.cells import MARIADB, SQLITE, Seen, cell
from tests.faults.client import Clients
from tests.faults.houses import MariaDbAndS3
from tests.faults.lone_worker import VICTIM, give_all_to_one
from tests.faults.oracle import Oracle
from tests.faults.rig import Rig

BOTH = (MARIADB, SQLITE)


def completed(rig: Rig, oracle: Oracle, clients: Clients) -> str:
    image_id = clients.upload()
    rig.until(lambda: oracle.have_ended([image_id]), what="its end")
    return image_id


def files_of(rig: Rig, image_id: str) -> list[str]:
    return [key for key in rig.house.keys() if image_id in key]  # noqa: SIM118 - no dict


def rows_of(rig: Rig, image_id: str) -> int:
    queries = (
        "SELECT count(*) AS n FROM processed_images WHERE id = :id",
        "SELECT count(*) AS n FROM jobs WHERE image_id = :id",
        "SELECT count(*) AS n FROM stage_events WHERE job_id = :id",
        "SELECT count(*) AS n FROM embeddings WHERE image_id = :id",
    )
    return sum(rig.select(query, id=image_id)[0]["n"] for query in queries)


def forget(clients: Clients, *image_ids: str) -> None:
    """The oracle asks for what was taken; this was taken back."""
    for image_id in image_ids:
        del clients.told.accepted[image_id]


@cell(
    "F60",
    fault="gateway killed −9 after the rows are erased, before a file is",
    promised="gone for everybody at once; the reconciler deletes the files",
    houses=BOTH,
    dozen=True,
)
def test_killed_before_the_files(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    image_id = completed(rig, oracle, clients)
    rig.restart("gateway", failpoints="after_erase:kill9@1")
    assert len(files_of(rig, image_id)) == 4
    life = len(rig.members["gateway"].ends)
    answer = delete(rig, image_id)
    assert answer is None, "the gateway was to die"
    assert rig.members["gateway"].wait_for_end(life) == -9
    assert rows_of(rig, image_id) == 0
    rig.until(lambda: not files_of(rig, image_id), what="the reconciler to delete its files")
    rig.until(lambda: rig.is_at_work("gateway"), what="the next gateway")
    assert delete(rig, image_id) == 204, "asked again, it is done"
    forget(clients, image_id)
    oracle.check()
    seen.saw("0 rows at once, 4 files gone with the reconciler; the next DELETE says 204")


@cell(
    "F61",
    fault="object store away while an image is erased",
    promised="202 and gone for everybody; the files go when it is back",
)
def test_store_away(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    assert isinstance(rig.house, MariaDbAndS3)
    image_id = completed(rig, oracle, clients)
    faults = rig.house.s3_faults
    faults.failing = lambda _method, _path: 503
    answer = rig.http.delete(f"/images/{image_id}")
    assert (answer.status_code, answer.json()) == (202, {"image_id": image_id, "status": "erasing"})
    assert rig.http.get(f"/status/{image_id}").status_code == 404
    assert len(files_of(rig, image_id)) == 4
    faults.mend()
    rig.execute("UPDATE tombstones SET look_at_ms = 1 WHERE image_id = :id", id=image_id)
    # What the reconciler met while the store was away may have it wait for half a minute.
    rig.restart("reconciler")
    rig.until(lambda: not files_of(rig, image_id), what="the files to go")
    forget(clients, image_id)
    oracle.check()
    seen.saw("202, then 404; 4 files gone when the store was back")


@cell(
    "F62",
    fault="images erased while a worker has them, which stores one's result afterwards and is killed −9",
    promised="no row comes back, and what was stored is found",
    houses=BOTH,
)
def test_worker_has_it(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    # It must not hear from its heartbeat that they are gone.
    breaks = "in_infer:sleep=4,before_beat:sleep=10,after_result_put:kill9@1"
    ids = give_all_to_one(rig, clients, 2, failpoints=breaks, JOB_TIMEOUT_S="120")
    # Not frozen, as in F13: it might hold SQLite's only lock at that moment.
    rig.until(lambda: set(ids) <= decoded(rig), what="the worker to have both in memory")
    logged, life = len(rig.log), len(rig.members[VICTIM].ends)
    assert [delete(rig, image_id) for image_id in ids] == [204, 204]
    rig.execute("UPDATE tombstones SET look_at_ms = look_at_ms + 600000")
    assert rig.members[VICTIM].wait_for_end(life) == -9
    left = [key for image_id in ids for key in files_of(rig, image_id)]
    assert left, "it was to die after it stored a result"
    rig.execute("UPDATE tombstones SET look_at_ms = 1")
    rig.until(lambda: not [key for one in ids for key in files_of(rig, one)], what="no file of them")
    assert [rows_of(rig, image_id) for image_id in ids] == [0, 0]
    forget(clients, *ids)
    rig.hands_off.clear()
    clients.upload_many(2)
    oracle.check(timeout_s=60)
    assert "Traceback" not in rig.log[logged:]
    seen.saw(f"{len(left)} files stored after the erasing, none left; no row; its successors go on")


def decoded(rig: Rig) -> set[str]:
    rows = rig.select("SELECT job_id FROM stage_events WHERE stage = 'decode_picture'")
    return {str(row["job_id"]) for row in rows}


def delete(rig: Rig, image_id: str) -> int | None:
    """The status of the answer; None when none came."""
    try:
        return rig.http.delete(f"/images/{image_id}").status_code
    except httpx.TransportError:
        return None
