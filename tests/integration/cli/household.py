"""A house whose workers have gone home: what a test breaks stays broken until the command repairs it."""

import json
import subprocess
from functools import partial
from typing import Any

from redis import Redis
from rq.utils import as_text
from sqlalchemy import text

from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import picture
from tests.waiting import wait_until
from veilgate.domain.retry import RetryPolicy
from veilgate.persistence.engine import open_engine
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.operator_lists import OperatorLists
from veilgate.queueing.work_list import WorkList
from veilgate.services.verification.house_checks import Scope, house_checks
from veilgate.services.verification.verification import Summary, Verdict, Verification
from veilgate.storage.ports import ObjectStore

HOUR_MS = 3_600_000
# What the house would put right by itself within three of these is not reported yet: the least there is.
LEASE_S = 1
POLICY = RetryPolicy(max_attempts=3, max_deliveries=8)
INTERACTIVE = "images-interactive"
Found = set[tuple[str, str]]


class Household:
    """The gateway's house, and side doors into database, object store and Redis."""

    def __init__(self, gateway: Gateway, store: ObjectStore, *, redis_url: str, database_url: str) -> None:
        self.gateway = gateway
        self.redis_url = redis_url
        self.redis = Redis.from_url(redis_url)
        self.store = store
        self._engine = open_engine(database_url)
        self._pictures = 0
        work_list = WorkList(self.redis, job_timeout_s=60)
        self._lists = OperatorLists(self.redis, work_list, handover_s=LEASE_S / 2)

    def close(self) -> None:
        self._engine.dispose()
        self.redis.close()

    def jobs(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """`veilgate jobs …` as an operator runs it."""
        return self.gateway.processes.ask("-m", "veilgate", "jobs", *words, **settings)

    def verify(
        self, *, repair: bool = False, deep: bool = False, patience_ms: int = 3000 * LEASE_S
    ) -> tuple[list[Verdict], Summary]:
        """What `veilgate jobs verify` finds and does, without starting a process for it."""
        scope = Scope(patience_ms, deep=deep)
        checks = house_checks(Database(self._engine), self.store, self._lists, policy=POLICY, scope=scope)
        verdicts: list[Verdict] = []
        verification = Verification(checks, repair=repair)
        summary = verification.run(tell=verdicts.append, progress=lambda _what, _number: None)
        return verdicts, summary

    def found(self, *, deep: bool = False) -> Found:
        """Name and subject of everything that does not agree."""
        verdicts, summary = self.verify(deep=deep)
        assert summary.agrees == (not verdicts), verdicts
        return {(verdict.finding.name, verdict.finding.subject) for verdict in verdicts}

    def documents(self, *words: str, **settings: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
        """Exit code, findings and summary of `veilgate jobs verify --json`, run as an operator does."""
        answer = self.jobs("verify", "--json", *words, **settings)
        lines = [json.loads(line) for line in answer.stdout.splitlines()]
        assert lines, answer.stderr
        assert "summary" in lines[-1], answer.stderr
        return answer.returncode, lines[:-1], lines[-1]["summary"]

    def upload(self, number: int = 1, **options: str) -> list[str]:
        self._pictures += number
        pictures = range(self._pictures - number, self._pictures)
        return [
            self.gateway.accepted_job(picture(size_wh=(64, 48), seed=1000 + seed), **options)
            for seed in pictures
        ]

    def execute(self, statement: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(text(statement), values)

    def one(self, query: str, **values: object) -> Any:
        """The only value that a query gives."""
        with self._engine.connect() as connection:
            return connection.execute(text(query), values).scalar_one()

    def age(self, *job_ids: str) -> None:
        """As if nobody had touched these jobs for an hour."""
        for job_id in job_ids:
            self.execute(
                "UPDATE jobs SET updated_at_ms = updated_at_ms - :ms, not_before_ms = not_before_ms - :ms,"
                " dispatched_at_ms = dispatched_at_ms - :ms WHERE id = :id",
                ms=HOUR_MS,
                id=job_id,
            )

    def wait_until_listed(self, *job_ids: str) -> None:
        """Until the gateway has put these jobs on their list and written that down."""
        query = "SELECT dispatched_at_ms FROM jobs WHERE id = :id"
        for job_id in job_ids:
            wait_until(partial(self.one, query, id=job_id), timeout_s=10, what="the job is listed")

    def original(self, job_id: str) -> str:
        return str(
            self.one(
                "SELECT original_key FROM processed_images JOIN jobs ON image_id = processed_images.id"
                " WHERE jobs.id = :id",
                id=job_id,
            )
        )

    def result_key(self, job_id: str) -> str:
        return str(self.one("SELECT result_key FROM jobs WHERE id = :id", id=job_id))

    def waiting(self) -> list[str]:
        return [str(as_text(entry)) for entry in self.redis.lrange(f"rq:queue:{INTERACTIVE}", 0, -1)]
