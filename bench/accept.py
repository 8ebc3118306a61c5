"""How many uploads of 100 kB are accepted in a second, beside a bare handler that only syncs the file.

Nobody works on them: a worker would take the processor that is measured. Each round gives every server one
turn, so that a slow minute of the machine does not fall on one of them alone.
"""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.busy_connections import RequestSource, Uploads
from bench.contest import Contestant, Standing, compete, table, verdicts
from bench.finished_jobs import fill
from bench.servers import bare_server, gateway_server
from bench.services import MariaDb, mariadb_is_here, start_object_store
from bench.small_photos import small_jpegs
from bench.workplace import WORK

JUDGED = "SQLite, local folder"
_BARE = "bare Starlette handler"
_PICTURES = 16


def measure(*, rounds: int, turn_s: float, rows: int) -> list[Standing]:
    """`rows`: finished jobs in the databases that are not empty."""
    uploads = Uploads(small_jpegs(_PICTURES))
    WORK.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="accept-", dir=WORK))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        kept = folder / "bare" / "kept"
        kept.mkdir(parents=True)
        bare = bare_server("bare_upload", folder / "bare", stack, BARE_FOLDER=str(kept))
        contestants = [Contestant(_BARE, bare.port, uploads)]
        contestants += _gateways(folder, stack, uploads, rows=rows)
        return compete(contestants, rounds=rounds, turn_s=turn_s, expected_status=202)


def report(standings: list[Standing]) -> str:
    lines = "\n".join(f"- {line}" for line in verdicts(standings, judged=JUDGED))
    return f"## Accepted uploads a second\n\n{table(standings, 'uploads')}\n\n{lines}"


def as_rows(standings: list[Standing]) -> list[dict[str, Any]]:
    return [asdict(standing) for standing in standings]


def _gateways(folder: Path, stack: ExitStack, uploads: RequestSource, *, rows: int) -> list[Contestant]:
    bucket = start_object_store(folder / "s3", stack)
    databases = {"SQLite": ("", "")}
    if mariadb_is_here():
        server = MariaDb(folder / "mariadb", stack)
        databases["MariaDB"] = (server.new_database("empty"), server.new_database("filled"))
    found = []
    for database, (empty, filled) in databases.items():
        local, grown = f"{database}, local folder", f"{database}, local folder, {rows:,} finished jobs"
        for name, url, settings in (
            (local, empty, {}),
            (grown, filled, {}),
            (f"{database}, S3 (moto)", empty, bucket),
        ):
            home = folder / name.replace(" ", "-")
            server_settings = {"DATABASE_URL": url, **settings}
            gateway = gateway_server(home, stack, **server_settings)
            if name == grown:
                fill(gateway.database_url, rows)
            found.append(Contestant(name, gateway.port, uploads, local if name == grown else None))
    return found
