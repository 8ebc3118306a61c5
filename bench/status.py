"""How many questions about finished jobs are answered in a second, beside a bare route that returns a
document of the same size from memory."""

import shutil
import tempfile
import urllib.request
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.busy_connections import Questions
from bench.contest import Contestant, Standing, compete, table, verdicts
from bench.finished_jobs import fill
from bench.servers import bare_server, gateway_server
from bench.services import MariaDb, mariadb_is_here
from bench.workplace import WORK

_FEW = 100
JUDGED = f"SQLite, {_FEW} finished jobs"
_BARE = "bare FastAPI route"


def measure(*, rounds: int, turn_s: float, rows: int) -> list[Standing]:
    WORK.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="status-", dir=WORK))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        gateways = _gateways(folder, stack, rows=rows)
        document = _get(gateways[0])
        (folder / "document").write_bytes(document)
        bare = bare_server("bare_status", folder / "bare", stack, BARE_DOCUMENT=str(folder / "document"))
        contestants = [Contestant(_BARE, bare.port, gateways[0].source), *gateways]
        return compete(contestants, rounds=rounds, turn_s=turn_s, expected_status=200)


def report(standings: list[Standing]) -> str:
    lines = "\n".join(f"- {line}" for line in verdicts(standings, judged=JUDGED))
    return f"## Questions about finished jobs a second\n\n{table(standings, 'answers')}\n\n{lines}"


def as_rows(standings: list[Standing]) -> list[dict[str, Any]]:
    return [asdict(standing) for standing in standings]


def _gateways(folder: Path, stack: ExitStack, *, rows: int) -> list[Contestant]:
    databases = {"SQLite": ("", "")}
    if mariadb_is_here():
        server = MariaDb(folder / "mariadb", stack)
        databases["MariaDB"] = (server.new_database("few"), server.new_database("many"))
    found = []
    for database, urls in databases.items():
        first = f"{database}, {_FEW} finished jobs"
        for count, url in zip((_FEW, rows), urls, strict=True):
            name = f"{database}, {count:,} finished jobs"
            gateway = gateway_server(folder / name.replace(" ", "-"), stack, DATABASE_URL=url)
            job_ids = fill(gateway.database_url, count)
            questions = Questions(tuple(f"/status/{job_id}" for job_id in job_ids))
            found.append(Contestant(name, gateway.port, questions, first if name != first else None))
    return found


def _get(contestant: Contestant) -> bytes:
    """One answer, whose size the bare route's will have."""
    assert isinstance(contestant.source, Questions)
    address = f"http://127.0.0.1:{contestant.port}{contestant.source.paths[0]}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return bytes(answer.read())
