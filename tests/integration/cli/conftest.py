"""Houses for the operator's commands: SQLite with a folder, and MariaDB with S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.conftest import Furnish, _redis_of_gateways, furnish
from tests.integration.api.gateway import Gateway
from tests.integration.cli.household import LEASE_S, Household
from tests.integration.persistence.databases import migrated_file
from tests.integration.storage.conftest import s3_store
from veilgate.storage.local import LocalObjectStore
from veilgate.storage.ports import ObjectStore

__all__ = ["_redis_of_gateways", "furnish", "migrated_file"]

FINISHED_JOBS = 14


@contextmanager
def build(folder: Path, redis_url: str, settings: dict[str, Any]) -> Iterator[Household]:
    """A gateway with a database, a store and lists that nobody else uses."""
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    gateway = Gateway(folder, redis_url, JOB_LEASE_S=str(LEASE_S), **settings)
    database_url = settings.get("DATABASE_URL", f"sqlite:///{folder / 'veilgate.db'}")
    store = store_of(folder, settings)
    household = Household(gateway, store, redis_url=redis_url, database_url=database_url)
    try:
        yield household
    finally:
        household.close()
        gateway.close()


@pytest.fixture(scope="module")
def household(
    tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis, furnish: Furnish
) -> Iterator[Household]:
    """A gateway without workers, and `finished` jobs that were done while there were some."""
    folder = tmp_path_factory.mktemp("household")
    with build(folder, f"{_redis_of_gateways.url}?db=3", furnish()) as household:
        yield household


@pytest.fixture(scope="module")
def finished(household: Household) -> list[str]:
    """Ids of completed jobs that no test has broken yet; take them with `pop`."""
    household.gateway.start_workers()
    job_ids = household.upload(FINISHED_JOBS)
    assert {household.gateway.ended(job_id)["status"] for job_id in job_ids} == {"completed"}
    household.gateway.stop_workers()
    household.age(*job_ids)
    return job_ids


def store_of(folder: Path, settings: dict[str, str]) -> ObjectStore:
    if "S3_BUCKET" not in settings:
        return LocalObjectStore(folder / "objects")
    return s3_store(settings["S3_ENDPOINT_URL"], settings["S3_BUCKET"])
