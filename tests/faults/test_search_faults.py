"""The search server dies, its snapshot is damaged, the database goes away under it, and it is not there."""

from functools import partial
from pathlib import Path

from tests.faults.cells import MARIADB, SQLITE, Seen, cell, random_of
from tests.faults.client import Clients
from tests.faults.oracle import Oracle
from tests.faults.rig import Rig

K = 5


def likest(rig: Rig, image_id: str) -> list[tuple[str, float]] | None:
    """None while there is no answer."""
    answer = rig.get(f"/images/{image_id}/similar", k=K)
    return [(hit["image_id"], round(hit["score"], 4)) for hit in answer["hits"]] if answer else None


def likes_of_all(rig: Rig, ids: list[str]) -> dict[str, list[tuple[str, float]]]:
    """Once everything that is shown is in the index."""
    last_seq = rig.select("SELECT value FROM counters WHERE name = 'index_seq'")[0]["value"]
    rig.until(lambda: followed_to(rig) >= last_seq, what=f"the index to follow up to {last_seq}")
    return {image_id: rig.until(partial(likest, rig, image_id), what="its likes") for image_id in ids}


def followed_to(rig: Rig) -> int:
    health = rig.get("/health") or {"workers": {"search": []}}
    indexes = [index for server in health["workers"]["search"] for index in server["indexes"]]
    return max((index["seq"] for index in indexes if index["ready"]), default=-1)


def snapshot_files(rig: Rig) -> list[Path]:
    folders = [path for path in (rig.data_dir / "search").iterdir() if path.is_dir()]
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


@cell(
    "F50",
    fault="search server killed −9 between adding and its snapshot",
    promised="it follows the log from its last snapshot: nothing is missing, the same likes",
    houses=(MARIADB, SQLITE),
    dozen=True,
)
def test_killed_before_the_snapshot(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.restart("search", failpoints="index_applied:kill9@2")
    life = len(rig.members["search"].ends)
    clients.upload_many(2)
    rig.until(lambda: followed_to(rig) > 0, what="the first of them in the index")
    clients.upload_many(6)
    assert rig.members["search"].wait_for_end(life) == -9
    ids = list(clients.told.accepted)
    oracle.check(forget=False)
    found = likes_of_all(rig, ids)
    assert {len(hits) for hits in found.values()} == {K}
    rig.restart("search")
    assert likes_of_all(rig, ids) == found
    clients.forget()
    seen.saw(f"{len(found)} of {len(ids)} found, with the same {K} likest after another start")


@cell(
    "F50",
    fault="a bit of the search server's snapshot is flipped, in each of its files",
    promised="it is noticed, the index is built from the database: the same likes",
    houses=(MARIADB, SQLITE),
)
def test_damaged_snapshot(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    chance, _ = random_of("F50")
    clients.upload_many(8)
    ids = list(clients.told.accepted)
    oracle.check(forget=False)
    found = likes_of_all(rig, ids)
    rig.restart("search")
    count = len(snapshot_files(rig))
    for number in range(count):
        rig.hands_off.add("search")
        assert rig.members["search"].terminate() == 0
        path = snapshot_files(rig)[number]
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        built = times_built(rig)
        rig.begin("search")
        rig.hands_off.discard("search")
        rig.until(partial(is_built_again, rig, built), what=f"an index without {path.name}")
        assert likes_of_all(rig, ids) == found
    clients.forget()
    seen.saw(f"{count} of {count} flips noticed, the same {K} likest of {len(ids)} images each time")


@cell(
    "F50",
    fault="the wire from the search server to the database is cut while pictures are taken",
    promised="likes are found as of before; with the wire back it catches up",
)
def test_database_away_while_following(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    clients.upload_many(4)
    ids = list(clients.told.accepted)
    oracle.check(forget=False)
    found = likes_of_all(rig, ids)
    rig.database_wires["search"].cut()
    clients.upload_many(4)
    oracle.check(forget=False)
    assert {image_id: likest(rig, image_id) for image_id in ids} == found
    pid = rig.members["search"].pid
    rig.database_wires["search"].mend()
    everyone = list(clients.told.accepted)
    assert len(likes_of_all(rig, everyone)) == 8
    assert rig.members["search"].pid == pid
    clients.forget()
    seen.saw("4 of 4 as before while it was cut, 8 of 8 when it was back, in the same process")


@cell(
    "F50",
    fault="no search server",
    promised="likes are 503 search_unavailable with Retry-After, /health says it; uploads go on",
    houses=(MARIADB, SQLITE),
    dozen=True,
)
def test_search_away(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    clients.upload_many(2)
    oracle.check(forget=False)
    first = next(iter(clients.told.accepted))
    rig.keep_dead("search")
    answer = rig.http.get(f"/images/{first}/similar")
    assert (answer.status_code, answer.json()["code"]) == (503, "search_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    clients.upload_many(4)
    oracle.check(forget=False)
    rig.until(lambda: search_part(rig) == "search_unavailable", what="/health to say so")
    assert rig.http.get("/ready").status_code == 200
    ids = list(clients.told.accepted)
    rig.hands_off.clear()
    assert len(likes_of_all(rig, ids)) == 6
    clients.forget()
    seen.saw("503 with Retry-After; 4 of 4 uploads done meanwhile; 6 of 6 found when it was back")


def times_built(rig: Rig) -> int:
    return rig.log.count("index.built")


def is_built_again(rig: Rig, built: int) -> bool:
    return times_built(rig) > built


def search_part(rig: Rig) -> str:
    return str(rig.http.get("/health").json()["parts"]["search"].get("code", "ok"))
