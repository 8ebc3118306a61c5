"""Searches a second through the search server, and through the gateway before it."""

import base64
import json
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from bench.busy_connections import Load, Posts, Questions, RequestSource
from bench.finished_jobs import image_row, job_row
from bench.house import free_port
from bench.search_measure import MANY_CLIENTS, Clients, K, Problem, Row
from bench.servers import Server, gateway_server
from database_models import jobs, processed_images
from veilgate.domain.access import ANONYMOUS
from veilgate.domain.ids import uuid7
from veilgate.domain.search import IndexModelState
from veilgate.persistence.embedding_repository import INDEX_SEQ
from veilgate.persistence.engine import WRITES, open_engine
from veilgate.persistence.tables.search import counters, embeddings, index_models

# Its vectors have the 512 dimensions that are measured, and it needs no file.
_MODEL_ID = "descriptor-v1"
_ROWS_A_TRANSACTION = 5_000
_EVERY_MS = 30_000
_BUILD_TIMEOUT_S = 900.0
_PROCESSES = 4


def measure(problem: Problem, folder: Path, *, seconds: float) -> list[Row]:
    """Both servers on a database with an image for each vector, on this machine's cores beside the load."""
    with ExitStack() as stack:
        port = free_port()
        settings = {"SEARCH_URL": f"http://127.0.0.1:{port}", "SEARCH_PORT": str(port)}
        gateway = gateway_server(folder, stack, **settings)
        ids = fill(gateway.database_url, problem)
        begun_s = time.monotonic()
        server = Server(
            ["search_server.py"], gateway.settings, stack, port=port, start_timeout_s=_BUILD_TIMEOUT_S
        )
        build_s = time.monotonic() - begun_s
        memory_mb = _resident_mb(server)
        searches = Posts("/v1/search", tuple(_question(query.tobytes()) for query in problem.queries()))
        questions = Questions(
            tuple(f"/images/{image_id}/similar?k={K}" for image_id in ids[:: len(ids) // 500])
        )
        return [
            _row(
                "search server", server.port, searches, seconds=seconds, build_s=build_s, memory_mb=memory_mb
            ),
            _row("gateway, /similar", gateway.port, questions, seconds=seconds, build_s=None, memory_mb=None),
        ]


def fill(database_url: str, problem: Problem) -> list[str]:
    """Write the rows of one owner's images and their embeddings; the ids in the order of the vectors."""
    engine = open_engine(database_url)
    writing = engine.execution_options(**{WRITES: True})
    stored = problem.stored()
    first_ms = time.time_ns() // 1_000_000 - len(stored) * _EVERY_MS
    made = [
        (uuid7(unix_ms=first_ms + row * _EVERY_MS, random=row << 40 | row), first_ms + row * _EVERY_MS)
        for row in range(len(stored))
    ]
    for start in range(0, len(made), _ROWS_A_TRANSACTION):
        page = made[start : start + _ROWS_A_TRANSACTION]
        with writing.begin() as connection:
            connection.execute(processed_images.insert(), [image_row(*one) for one in page])
            connection.execute(jobs.insert(), [job_row(*one) for one in page])
            connection.execute(
                embeddings.insert(),
                [
                    _embedding_row(image_id, start + place, np.asarray(stored[start + place]))
                    for place, (image_id, _) in enumerate(page)
                ],
            )
    with writing.begin() as connection:
        connection.execute(counters.insert(), [{"name": INDEX_SEQ, "value": len(made)}])
        connection.execute(
            index_models.insert(),
            [
                {
                    "model_id": _MODEL_ID,
                    "dimensions": stored.shape[1],
                    "state": IndexModelState.SERVING,
                    "changed_at_ms": first_ms,
                }
            ],
        )
    engine.dispose()
    return [image_id for image_id, _ in made]


def _embedding_row(image_id: str, row: int, vector: np.ndarray) -> dict[str, object]:
    return {
        "image_id": image_id,
        "model_id": _MODEL_ID,
        "owner_id": ANONYMOUS,
        "seq": row + 1,
        "picture_sha256": image_id.replace("-", "").ljust(64, "0"),
        "vector": vector.tobytes(),
        "failure": None,
    }


def _row(
    name: str,
    port: int,
    source: RequestSource,
    *,
    seconds: float,
    build_s: float | None,
    memory_mb: float | None,
) -> Row:
    one, many = (_asked(port, source, connections=count, seconds=seconds) for count in (1, MANY_CLIENTS))
    return Row(name, build_s, memory_mb, None, one, many)


def _asked(port: int, source: RequestSource, *, connections: int, seconds: float) -> Clients:
    load = Load(connections, processes=min(connections, _PROCESSES))
    try:
        load.start()
        served = load.turn(port, source, seconds=seconds, expected=200)
    finally:
        load.close()
    return Clients(served.median_ms, served.p99_ms, served.per_s)


def _question(vector: bytes) -> bytes:
    asked = {
        "model": _MODEL_ID,
        "owner": ANONYMOUS,
        "vector": base64.b64encode(vector).decode(),
        "k": K,
        "among": None,
    }
    return json.dumps(asked).encode()


def _resident_mb(server: Server) -> float:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
