"""The gateway dies at each step of accepting a picture, and while somebody watches one."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest

from tests.faults.cells import MARIADB, SQLITE, Seen, cell
from tests.faults.client import Clients, Photo
from tests.faults.oracle import Oracle
from tests.faults.rig import Rig

BOTH = (MARIADB, SQLITE)
LARGE_BYTES = 4_000_000


@cell(
    "F1",
    fault="gateway killed after storing the original, before its row",
    promised="no row; sent again with the same key it is taken",
    houses=BOTH,
)
def test_killed_before_the_row(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.restart("gateway", failpoints="after_put:kill9@2")
    clients.upload()
    photo, before = clients.photo(), orphans(rig)
    life = len(rig.members["gateway"].ends)
    assert clients.send(photo, key="f1") is None, "the gateway was to die"
    assert rig.members["gateway"].wait_for_end(life) == -9
    assert rows_of(rig, photo) == []
    assert len(orphans(rig) - before) == 1, "it was to die after the original was stored"
    job_id = send_until_taken(rig, clients, photo, key="f1")
    oracle.check()
    assert [row["id"] for row in rows_of(rig, photo)] == [job_id]
    seen.saw("no row; the same key made one job; the first original stays for housekeeping")


@cell("F2", fault="gateway killed after commit, before enqueue", promised="the job runs", houses=BOTH)
def test_killed_after_commit(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.restart("gateway", failpoints="after_commit:kill9@2")
    clients.upload()
    photo = clients.photo()
    assert clients.send(photo) is None, "the gateway was to die"
    clients.insist(photo)
    assert rig.members["gateway"].ends[-1] == -9
    oracle.check()
    assert len(rows_of(rig, photo)) == 1, "the careful client's second try must join the first"
    seen.saw("ran once, and the client's next try joined it")


@cell(
    "F3",
    fault="gateway killed after enqueue, before the answer",
    promised="runs once; the same key gives the same job",
    houses=BOTH,
)
def test_killed_before_the_answer(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    # The answer is held back until the other thread, which enqueues, has done so and dies of it.
    rig.restart("gateway", failpoints="before_reply:sleep=20@2,listed:kill9@2")
    first = clients.upload()
    rig.until(lambda: oracle.have_ended([first]), what="the picture before")
    photo = clients.photo()
    life = len(rig.members["gateway"].ends)
    assert clients.send(photo, key="f3") is None, "the gateway was to die"
    assert rig.members["gateway"].wait_for_end(life) == -9
    [row] = rows_of(rig, photo)
    assert send_until_taken(rig, clients, photo, key="f3") == row["id"]
    oracle.check()
    [row] = rows_of(rig, photo)
    assert row["deliveries"] == 1, "it was on its list, and must not be put there again"
    seen.saw("1 job, 1 delivery; the same key named it")


@cell(
    "F4",
    fault="gateway killed in the middle of an upload's body",
    promised="nothing accepted; the temporary file is gone at the restart",
    houses=BOTH,
)
def test_killed_in_mid_body(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    photo = clients.photo()
    with closing(http.client.HTTPConnection("127.0.0.1", rig.port, timeout=20)) as sender:
        send_half(sender, photo)
        received = rig.until(lambda: incoming(rig), what="a file half received")
        life = len(rig.members["gateway"].ends)
        rig.members["gateway"].kill()
        assert rig.members["gateway"].ends[life] == -9
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            sender.getresponse()
    clients.note_unanswered(photo)
    rig.until(lambda: rig.is_at_work("gateway"), what="the next gateway")
    assert not incoming(rig) & received, "the next gateway sweeps at its start"
    assert rows_of(rig, photo) == []
    send_until_taken(rig, clients, photo, key="f4")
    oracle.check()
    seen.saw(f"connection reset, no row, {len(received)} temporary file swept at the restart")


@cell(
    "F5",
    fault="gateway killed while a client reads a job's events",
    promised="Last-Event-ID goes on: no gap, no duplicate",
)
def test_killed_during_a_stream(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.keep_dead("worker-2")
    rig.restart("worker-1", failpoints="in_infer:sleep=3@1,after_result_put:sleep=3@1")
    job_id = clients.upload()
    # The first gateway dies while the model works, the second while the copies are being stored.
    numbers = watch_and_kill(rig, job_id, after=0, until_stage="decode_picture")
    numbers += watch_and_kill(rig, job_id, after=numbers[-1], until_stage="find_faces")
    rig.until(lambda: rig.is_at_work("gateway"), what="the next gateway")
    with event_stream(rig, job_id, after=numbers[-1]) as events:
        numbers += [event["seq"] for event in events]
    [row] = rig.select("SELECT max(seq) AS last FROM stage_events WHERE job_id = :id", id=job_id)
    assert numbers == list(range(1, row["last"] + 1))
    answer = rig.http.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": str(numbers[-1])})
    assert answer.status_code == httpx.codes.NO_CONTENT, "all was seen"
    oracle.check()
    seen.saw(f"events 1 to {numbers[-1]} once each, by three gateways")


def watch_and_kill(rig: Rig, job_id: str, *, after: int, until_stage: str) -> list[int]:
    """Read events until that stage has spoken, and kill the gateway in mid stream; the numbers read."""
    rig.until(lambda: rig.is_at_work("gateway"), what="a gateway")
    numbers = []
    with event_stream(rig, job_id, after=after) as events:
        for event in events:
            numbers.append(event["seq"])
            if event["stage"] == until_stage:
                break
        life = len(rig.members["gateway"].ends)
        rig.members["gateway"].kill()
        assert rig.members["gateway"].ends[life] == -9
        with pytest.raises(httpx.TransportError):
            numbers += [event["seq"] for event in events]
    return numbers


def rows_of(rig: Rig, photo: Photo) -> list[dict[str, Any]]:
    return rig.select(
        "SELECT j.id, j.status, j.deliveries FROM processed_images i JOIN jobs j ON j.image_id = i.id"
        " WHERE i.filename = :name",
        name=photo.filename,
    )


def orphans(rig: Rig) -> set[str]:
    """Originals without a row."""
    rows = rig.select("SELECT original_key FROM processed_images")
    originals = {key for key in rig.house.keys() if key.startswith("original/")}  # noqa: SIM118 - no dict
    return originals - {row["original_key"] for row in rows}


def send_until_taken(rig: Rig, clients: Clients, photo: Photo, *, key: str) -> str:
    """The same request again, until there is a gateway that answers; the job's id."""
    rig.until(lambda: rig.is_at_work("gateway"), what="the next gateway")
    answer = clients.send(photo, key=key)
    assert answer is not None, "no answer"
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return str(answer.json()["job_id"])


def send_half(sender: http.client.HTTPConnection, photo: Photo) -> None:
    """The first half of an upload that is received into a file."""
    head = (
        "--half\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{photo.filename}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode()
    sender.putrequest("POST", "/upload")
    sender.putheader("Content-Type", "multipart/form-data; boundary=half")
    sender.putheader("Content-Length", str(LARGE_BYTES))
    sender.endheaders(head + photo.data + bytes(LARGE_BYTES // 2))


def incoming(rig: Rig) -> set[str]:
    return {path.name for path in (rig.data_dir / "incoming").glob("*")}


@contextmanager
def event_stream(rig: Rig, job_id: str, *, after: int) -> Iterator[Iterator[dict[str, Any]]]:
    headers = {"Last-Event-ID": str(after)} if after else {}
    with rig.http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.status_code == httpx.codes.OK, answer.status_code
        yield (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))
