"""Event streams that are open at one gateway: how late events come, and the memory that it takes.

`python -m bench.streams`. All share this machine: the gateway, who writes events, and who reads the streams.
"""

import asyncio
import json
import multiprocessing
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path

from redis import Redis

from bench.finished_jobs import image_row, job_row
from bench.servers import Server, gateway_server
from bench.tables import markdown_table
from bench.workplace import WORK
from database_models import jobs, processed_images
from veilgate.domain.ids import uuid7
from veilgate.persistence.engine import WRITES, open_engine
from veilgate.persistence.records import NewEvent
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.wakeups import WakeupSender

STREAMS = 500
MOST_LATE_S = 0.25
MOST_MEMORY_MB = 300


@dataclass(frozen=True, slots=True)
class Case:
    """So many events in one transaction, as often as that. `wakes`: or nobody says that there is news."""

    name: str
    together: int
    every_s: float
    wakes: bool = True


CASES = (
    Case("250 events a second", 25, 0.1),
    Case("an event on every stream at once", STREAMS, 2.0),
    Case("250 events a second, Redis silent", 25, 0.1, wakes=False),
)


@dataclass(frozen=True, slots=True)
class Row:
    """From the commit of an event until its line was read."""

    name: str
    streams: int
    events: int
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    gateway_rss_mb: float


def measure(*, seconds: float, cases: tuple[Case, ...] = CASES) -> list[Row]:
    """A gateway of its own for each case, on SQLite; its streams are of as many jobs."""
    return [_measure(case, seconds=seconds) for case in cases]


def report(rows: list[Row]) -> str:
    head = ("case", "streams", "events", "p50 ms", "p99 ms", "slowest ms", "gateway RSS MB")
    cells = [
        (row.name, str(row.streams), str(row.events), *(f"{one:.0f}" for one in _measured(row)))
        for row in rows
    ]
    return f"## Event streams\n\n{markdown_table(head, cells)}"


def as_rows(rows: list[Row]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]


def _measured(row: Row) -> tuple[float, ...]:
    return row.p50_ms, row.p99_ms, row.slowest_ms, row.gateway_rss_mb


def _measure(case: Case, *, seconds: float) -> Row:
    WORK.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="streams-", dir=WORK))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        gateway = gateway_server(folder, stack, LIMIT_STREAMS="0")
        job_ids = _fill(gateway.database_url, STREAMS)
        late_s = sorted(asyncio.run(_watch(gateway, job_ids, case, seconds=seconds)))
        return Row(
            case.name,
            len(job_ids),
            len(late_s),
            1000 * late_s[len(late_s) // 2],
            1000 * late_s[len(late_s) * 99 // 100],
            1000 * late_s[-1],
            _resident_mb(gateway),
        )


def _fill(database_url: str, count: int) -> list[str]:
    """Jobs that run, of which nothing has been told yet."""
    engine, now_ms = open_engine(database_url), time.time_ns() // 1_000_000
    job_ids = [uuid7(unix_ms=now_ms, random=number << 40 | number) for number in range(count)]
    running = {"status": "processing", "event_seq": 0, "results": None, "finished_at_ms": None}
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        connection.execute(processed_images.insert(), [image_row(one, now_ms) for one in job_ids])
        connection.execute(jobs.insert(), [{**job_row(one, now_ms), **running} for one in job_ids])
    engine.dispose()
    return job_ids


async def _watch(gateway: Server, job_ids: list[str], case: Case, *, seconds: float) -> list[float]:
    read: list[tuple[int, float]] = []
    readers = [asyncio.create_task(_read(gateway.port, job_id, read)) for job_id in job_ids]
    await asyncio.sleep(3)  # until all are open and the gateway has looked
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    servers = (gateway.database_url, gateway.settings["REDIS_URL"])
    writer = context.Process(target=_write, args=(servers, job_ids, case, seconds, there))
    writer.start()
    committed_s = await asyncio.to_thread(here.recv)
    await asyncio.to_thread(writer.join)
    await asyncio.sleep(3)  # for what comes late
    for reader in readers:
        reader.cancel()
    await asyncio.wait(readers)
    if any(not reader.cancelled() for reader in readers):
        raise RuntimeError("a stream ended before its time")
    return [read_s - committed_s[turn] for turn, read_s in read]


async def _read(port: int, job_id: str, read: list[tuple[int, float]]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    async for line in reader:
        if line.startswith(b"data: "):
            read.append((json.loads(line[6:])["data"]["turn"], time.time()))


def _write(
    servers: tuple[str, str], job_ids: list[str], case: Case, seconds: float, there: Connection
) -> None:
    """Through the house's own repositories, as a worker does; says when each turn was committed."""
    database_url, redis_url = servers
    database, wake = Database(open_engine(database_url)), WakeupSender(Redis.from_url(redis_url))
    end_s, jobs_in_turn = time.monotonic() + seconds, cycle(job_ids)
    committed_s: list[float] = []
    while (began_s := time.monotonic()) < end_s:
        told = list(islice(jobs_in_turn, case.together))
        event = NewEvent("find_faces", "produced", json.dumps({"turn": len(committed_s)}), 20, "centerface")
        with database.write() as transaction:
            for job_id in told:
                transaction.events.append(job_id, event)
        committed_s.append(time.time())
        if case.wakes:
            wake(told)
        time.sleep(max(0.0, began_s + case.every_s - time.monotonic()))
    there.send(committed_s)


def _resident_mb(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main() -> int:
    """0 if events came in time, as far as anybody said that there are some, and memory was enough."""
    rows = measure(seconds=10)
    print(report(rows))
    woken = [row for row, case in zip(rows, CASES, strict=True) if case.wakes]
    is_good = all(row.p99_ms <= 1000 * MOST_LATE_S for row in woken)
    return 0 if is_good and all(row.gateway_rss_mb < MOST_MEMORY_MB for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
