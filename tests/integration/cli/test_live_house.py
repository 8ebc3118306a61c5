"""A house that works and agrees: whatever it is busy with, `verify` finds nothing and its repairs no work."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fixtures.private_redis import RunningRedis, StartRedis
from tests.integration.api.conftest import Furnish
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import picture
from tests.integration.cli.conftest import LEASE_S, store_of
from tests.integration.cli.household import Household

ROUNDS = 2
CALLERS = 3


@pytest.fixture
def live_house(tmp_path: Path, start_redis: StartRedis, furnish: Furnish) -> Iterator[Household]:
    redis: RunningRedis = start_redis()
    settings = furnish()
    # A lease of a second, and so three of patience: the least that a house can be set to.
    gateway = Gateway(tmp_path, redis.url, JOB_LEASE_S=LEASE_S, **settings)
    database_url = settings.get("DATABASE_URL", f"sqlite:///{tmp_path / 'veilgate.db'}")
    house = Household(gateway, store_of(tmp_path, settings), redis_url=redis.url, database_url=database_url)
    try:
        gateway.start_workers()
        yield house
    finally:
        house.close()
        gateway.close()


@contextmanager
def busy(gateway: Gateway) -> Iterator[list[str]]:
    """Callers who upload, cancel, retry and ask for redos until the block ends; the ids of their jobs."""
    stop, job_ids = threading.Event(), list[str]()

    def call(seed: int) -> None:
        chance = random.Random(seed)
        while not stop.is_set():
            upload = picture(size_wh=(64, 48), seed=chance.randrange(10**9))
            job_id = gateway.accepted_job(upload)
            job_ids.append(job_id)
            match chance.randrange(5):
                case 0:
                    gateway.http.post(f"/jobs/{job_id}/cancel")
                case 1:
                    gateway.http.post(f"/jobs/{job_id}/cancel")
                    gateway.http.post(f"/jobs/{job_id}/retry")
                case 2:
                    answer = gateway.http.post(f"/images/{job_id}/redo", json={"blur_style": "solid"})
                    job_ids.append(str(answer.json()["job_id"]))
                case 3:
                    gateway.ended(job_id)  # or the line would grow for as long as we look

    callers = [threading.Thread(target=call, args=(seed,)) for seed in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield job_ids
    finally:
        stop.set()
        for caller in callers:
            caller.join()


def test_nothing_is_wrong_that_is_only_on_its_way(live_house: Household) -> None:
    with busy(live_house.gateway) as job_ids:
        for _ in range(ROUNDS):
            code, findings, summary = live_house.verify("--repair")
            assert (code, findings) == (0, [])
            assert live_house.jobs("requeue-missing").returncode == 0
        assert summary["looked_at"]["jobs with their events"] > 0
    ends = {live_house.gateway.ended(job_id)["status"] for job_id in job_ids}
    assert ends <= {"completed", "cancelled"}
    code, findings, _ = live_house.verify("--deep")
    assert (code, findings) == (0, [])
