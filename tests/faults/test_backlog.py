"""Very many jobs that wait, very many that have ended, and gateways that are replaced while uploads run."""

import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
from sqlalchemy import Connection, create_engine, text

from tests.faults.cells import MARIADB, SQLITE, Seen, cell
from tests.faults.client import Clients, Photo
from tests.faults.oracle import Oracle
from tests.faults.rig import Rig, open_rig
from tests.fixtures.paths import find_free_port

_WAITING = 10_000
_FINISHED = 100_000
_SPARE_BYTES = 16_000_000
# What earlier versions wrote into jobs.options: the first one, and the one before de-duplication.
_EARLIER_OPTIONS = (
    '{"blur_style": "mosaic", "face_threshold": null, "mask_scale": 1.1, "priority": null}',
    '{"blur_style": "mosaic", "blur_targets": null, "extra_regions": [], "face_threshold": null, '
    '"keep_regions": [], "mask_scale": 1.1, "mask_shape": "ellipse", "max_box_fraction": 1.0, '
    '"metadata": "strip", "min_box_fraction": 0.0, "priority": null, "vehicle_threshold": null, '
    '"verify": false}',
)


@cell(
    "F46",
    fault=f"{_WAITING} jobs wait and no worker is there",
    promised="the gateway's memory stays flat; beyond the bound 503 with Retry-After; then all goes on",
    houses=(MARIADB, SQLITE),
    long=True,
)
def test_many_wait(house_name: str, tmp_path: Path, stack: ExitStack, seen: Seen) -> None:
    rig = open_rig(house_name, tmp_path, stack, MAX_QUEUE_SIZE=str(_WAITING + 40))
    clients = Clients(rig.port)
    oracle = Oracle(rig, clients)
    oracle.learn()
    rig.keep_dead("worker-1", "worker-2")
    clients.upload_many(20)
    gateway = rig.members["gateway"]
    before = gateway.resident_bytes()
    sample = clients.upload(priority="bulk")
    fill_in(rig, like=sample, how_many=_WAITING)
    rig.until(lambda: listed(rig) >= _WAITING, what="all of them on a list", timeout_s=60)
    answer = rig.until(lambda: refusal(clients), what="an upload that is refused", timeout_s=60)
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "queue_full"
    assert int(answer.headers["retry-after"]) >= 1
    grown = gateway.resident_bytes() - before
    assert grown < _SPARE_BYTES, f"{grown} bytes more"
    clear_away(rig)
    rig.hands_off.clear()
    taken = len(clients.told.accepted)
    rig.until(lambda: refusal(clients) is None, what="uploads that are taken again")
    oracle.check(timeout_s=120)
    seen.saw(
        f"refused with {answer.status_code} at {_WAITING + 40}, Retry-After {answer.headers['retry-after']}"
    )
    seen.saw(f"gateway {grown / 1e6:+.1f} MB; {taken} of {taken} real ones done")


@cell(
    "F51",
    fault="gateways replaced one by one while uploads run",
    promised="a client that tries once more sees no failure",
)
def test_rolling_restart(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    port = find_free_port()
    second = rig.another("gateway-2", "api_server.py", PORT=str(port))
    second.start()
    others = Clients(port)
    rig.until(lambda: is_ready(port), what="a second gateway")
    stop, failures, retries = threading.Event(), list[str](), list[int]()

    def keep_uploading(number: int) -> None:
        while not stop.is_set():
            stop.wait(0.1)  # the pace of a client
            photo = clients.photo()
            both = (clients, others) if (photo.number + number) % 2 else (others, clients)
            key = f"rolling-{photo.number}"
            if not is_taken(both[0], photo, key):
                retries.append(photo.number)
                if not is_taken(both[1], photo, key):
                    failures.append(photo.filename)

    threads = [threading.Thread(target=keep_uploading, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        rig.restart("gateway")
        codes = [rig.members["gateway"].ends[-1], second.terminate()]
        second.start()
        rig.until(lambda: is_ready(port), what="its replacement")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    clients.told.accepted |= others.told.accepted
    taken = {photo.number for photo in clients.told.accepted.values()}
    clients.told.unanswered = [photo for photo in clients.told.unanswered if photo.number not in taken]
    assert failures == []
    assert codes == [0, 0]
    oracle.check()
    second.kill()
    seen.saw(f"{len(taken)} uploads, {len(retries)} tried once more, none failed; both ended with 0")


@cell(
    "F51",
    fault="jobs that earlier versions accepted still wait",
    promised="this version processes them",
    houses=(MARIADB, SQLITE),
)
def test_rows_of_earlier_versions(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead("worker-1", "worker-2")
    ids = clients.upload_many(len(_EARLIER_OPTIONS))
    for job_id, options in zip(ids, _EARLIER_OPTIONS, strict=True):
        rig.execute(
            "UPDATE jobs SET options = :options, dedup_key = NULL WHERE id = :id", options=options, id=job_id
        )
    rig.hands_off.clear()
    oracle.check()
    seen.saw(f"options of {len(ids)} earlier versions read, {len(ids)} of {len(ids)} done")


@cell(
    "F54",
    fault=f"{_FINISHED} finished jobs and as many failed ones in RQ's registries",
    promised="what is over is forgotten: keys bounded, Redis' memory on a plateau",
)
def test_many_ended(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    redis = rig.redis_client
    clients.upload_many(10)
    rig.until(lambda: oracle.have_ended(clients.told.accepted), what="ten ends")
    oracle.check()
    for_good = [key for key in redis.scan_iter("rq:*", count=1000) if redis.ttl(key) == -1]
    assert [key for key in for_good if key.startswith((b"rq:job:", b"rq:execution", b"rq:results:"))] == []
    rig.keep_dead("worker-1", "worker-2", "reconciler")
    for known_workers in ("rq:workers", "rq:workers:images-interactive"):
        redis.sadd(known_workers, "rq:worker:killed")
    before = used_bytes(rig)
    for registry in ("rq:finished:images-interactive", "rq:failed:images-interactive"):
        over_s = time.time() - 60
        for start in range(0, _FINISHED, 10_000):
            redis.zadd(registry, {f"ended-{start + number:036d}": over_s for number in range(10_000)})
    gathered = used_bytes(rig) - before
    rig.hands_off.clear()
    rig.until(
        lambda: (
            redis.zcount("rq:finished:images-interactive", 0, over_s)
            + redis.zcount("rq:failed:images-interactive", 0, over_s)
            == 0
        ),
        what="registries without what is over",
    )
    rig.until(lambda: not redis.sismember("rq:workers", "rq:worker:killed"), what="a list without the dead")
    rig.until(lambda: used_bytes(rig) - before < _SPARE_BYTES // 8, what="memory that is given back")
    left = used_bytes(rig) - before
    clients.upload_many(2)
    oracle.check()
    seen.saw(
        f"{gathered / 2 / _FINISHED:.0f} bytes for each end had gathered, {gathered / 1e6:.0f} MB in all"
    )
    seen.saw(f"{left / 1e6:+.1f} MB after a sweep; keys that stay: {len(for_good)}")


def fill_in(rig: Rig, *, like: str, how_many: int) -> None:
    """Jobs that wait, each a copy of a real one, with its one event."""
    engine = create_engine(rig.house.database_url)
    with engine.begin() as connection:
        job = dict(
            connection.execute(text("SELECT * FROM jobs WHERE id = :id"), {"id": like}).mappings().one()
        )
        events = text("SELECT * FROM stage_events WHERE job_id = :id AND seq = 1")
        event = dict(connection.execute(events, {"id": like}).mappings().one())
        waiting = {"dedup_key": None, "status": "submitted", "dispatched_at_ms": None, "event_seq": 1}
        ids = [f"filled-in-{number:026d}" for number in range(how_many)]
        insert(connection, "jobs", [{**job, **waiting, "id": one} for one in ids])
        insert(connection, "stage_events", [{**event, "job_id": one} for one in ids])
    engine.dispose()


def insert(connection: Connection, table: str, rows: list[dict[str, object]]) -> None:
    names = ", ".join(rows[0])
    values = ", ".join(f":{name}" for name in rows[0])
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), rows)  # noqa: S608 - our own


def clear_away(rig: Rig) -> None:
    """The copies are not what is to be shown: 10,000 pictures take minutes."""
    rig.execute("DELETE FROM stage_events WHERE job_id LIKE 'filled-in-%'")
    rig.execute("DELETE FROM jobs WHERE id LIKE 'filled-in-%'")


def listed(rig: Rig) -> int:
    return int(rig.redis_client.llen("rq:queue:images-bulk"))


def refusal(clients: Clients) -> httpx.Response | None:
    answer = clients.send(clients.photo())
    assert answer is not None
    return None if answer.status_code == httpx.codes.ACCEPTED else answer


def is_taken(clients: Clients, photo: Photo, key: str) -> bool:
    answer = clients.send(photo, key=key)
    return answer is not None and answer.status_code == httpx.codes.ACCEPTED


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


def used_bytes(rig: Rig) -> int:
    return int(rig.redis_client.info("memory")["used_memory"])
