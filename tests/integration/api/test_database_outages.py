"""A database server that goes and comes under a running gateway, which needs no restart."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.fixtures.mariadb import StartMariaDb
from tests.integration.api.conftest import StartGateway
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh
from tests.waiting import wait_until
from veilgate.persistence.engine import open_engine

# A connection attempt (3 s), an answer (10 s) and a turn (5 s) at the very worst.
LONGEST_S = 20


def test_a_killed_server_is_503_until_it_is_back(
    start_gateway: StartGateway, start_mariadb: StartMariaDb
) -> None:
    server = start_mariadb()
    gateway = start_gateway(DATABASE_URL=server.url(server.empty_database()))
    accepted = [gateway.accepted_job(fresh()) for _ in range(3)]
    server.kill()
    assert_unavailable(gateway)
    assert gateway.http.get("/health").json()["parts"]["database"]["code"] == "database_unavailable"
    assert gateway.held_files() == {path for path in gateway.held_files() if path[-36:] in accepted}
    server.start()
    wait_until(lambda: gateway.http.get("/ready").status_code == 200, timeout_s=LONGEST_S, what="readiness")
    answers = [gateway.upload(fresh()).status_code for _ in range(12)]
    assert answers == [202] * 12, "no connection of before is handed out again"
    for job_id in accepted:
        assert gateway.status(job_id)["status"] == "submitted", "202 meant stored"


def test_uploads_while_the_server_dies_are_202_and_there_or_503(
    start_gateway: StartGateway, start_mariadb: StartMariaDb
) -> None:
    server = start_mariadb()
    gateway = start_gateway(DATABASE_URL=server.url(server.empty_database()))

    def upload(number: int) -> httpx.Response:
        answer = gateway.upload(fresh())
        if number == 30:
            server.kill()
        return answer

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(upload, range(80)))
    assert {answer.status_code for answer in answers} == {202, 503}
    server.start()
    wait_until(lambda: gateway.http.get("/ready").status_code == 200, timeout_s=LONGEST_S, what="readiness")
    accepted = {answer.json()["job_id"] for answer in answers if answer.status_code == 202}
    assert accepted <= {row["id"] for row in gateway.select("SELECT id FROM jobs")}
    originals = {path[-36:] for path in gateway.held_files()}
    assert accepted <= originals


def test_a_gateway_that_starts_before_its_database_waits_for_it(
    start_gateway: StartGateway, start_mariadb: StartMariaDb
) -> None:
    server = start_mariadb()
    gateway = start_gateway(DATABASE_URL=server.url(server.empty_database()))
    gateway.kill()
    server.kill()
    gateway.process = gateway.processes.start("api_server.py")
    wait_until(lambda: _answers(gateway), timeout_s=30, what="a gateway without a database")
    assert_unavailable(gateway)
    server.start()
    wait_until(lambda: gateway.http.get("/ready").status_code == 200, timeout_s=LONGEST_S, what="readiness")
    assert gateway.upload(fresh()).status_code == 202


def test_killed_connections_are_not_noticed_outside(
    start_gateway: StartGateway, start_mariadb: StartMariaDb
) -> None:
    server = start_mariadb()
    gateway = start_gateway(DATABASE_URL=server.url(server.empty_database()))
    gateway.accepted_job(fresh())
    for row in server.execute("SELECT id FROM information_schema.processlist WHERE user = 'veil'"):
        server.execute(f"KILL {row[0]}")
    assert gateway.upload(fresh()).status_code == 202


def test_a_server_that_may_only_be_read_is_not_ready(
    start_gateway: StartGateway, start_mariadb: StartMariaDb
) -> None:
    """As an old primary after a fail-over: it answers every question, and an upload would be refused."""
    server = start_mariadb()
    gateway = start_gateway(DATABASE_URL=server.url(server.empty_database()))
    server.execute("SET GLOBAL read_only = ON")
    assert_unavailable(gateway)
    assert gateway.http.get("/health").json()["parts"]["database"]["code"] == "database_unavailable"
    server.execute("SET GLOBAL read_only = OFF")
    assert gateway.http.get("/ready").status_code == 200
    assert gateway.upload(fresh()).status_code == 202


def test_a_server_with_too_many_connections_is_unavailable(
    start_gateway: StartGateway, start_mariadb: StartMariaDb
) -> None:
    server = start_mariadb()
    gateway = start_gateway(DATABASE_URL=server.url(server.empty_database()))
    server.execute("ALTER USER veil@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1")
    open_ones = "SELECT id FROM information_schema.processlist WHERE user = 'veil'"
    for row in server.execute(open_ones):
        server.execute(f"KILL {row[0]}")
    wait_until(lambda: not server.execute(open_ones), timeout_s=10, what="their end")
    other = open_engine(server.url("veil_1"))
    with other.connect():  # the only one that may be open
        assert_unavailable(gateway)
    other.dispose()
    server.execute("ALTER USER veil@'127.0.0.1' WITH MAX_USER_CONNECTIONS 0")
    assert gateway.upload(fresh()).status_code == 202


def assert_unavailable(gateway: Gateway) -> None:
    began_s = time.monotonic()
    answers = [
        gateway.upload(fresh()),
        gateway.http.get("/ready"),
        gateway.http.post("/batch-upload", files=[("files", ("a.jpg", fresh()))]),
    ]
    assert time.monotonic() - began_s < LONGEST_S
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) == answer.json()["retry_after"] > 0
        assert "veil_" not in answer.text


def _answers(gateway: Gateway) -> bool:
    try:
        return gateway.http.get("/ready").status_code == 503
    except httpx.TransportError:
        return False
