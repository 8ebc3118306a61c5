"""Houses for the operator's commands: SQLite with a folder, and MariaDB with S3."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.conftest import Furnish, _redis_of_gateways, furnish
from tests.integration.api.gateway import Gateway
from tests.integration.cli.household import Household
from tests.integration.persistence.databases import migrated_file
from tests.integration.storage.conftest import s3_store
from veilgate.storage.local import LocalObjectStore
from veilgate.storage.ports import ObjectStore

__all__ = ["_redis_of_gateways", "furnish", "migrated_file"]

# What the house would put right by itself within three of these is not reported yet.
LEASE_S = "1"
FINISHED_JOBS = 18


@pytest.fixture(scope="module")
def household(
    tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis, furnish: Furnish
) -> Iterator[Household]:
    """A gateway without workers, and `finished` jobs that were done while there were some."""
    folder = tmp_path_factory.mktemp("household")
    redis_url = f"{_redis_of_gateways.url}?db=3"
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    settings = furnish()
    gateway = Gateway(folder, redis_url, JOB_LEASE_S=LEASE_S, **settings)
    database_url = settings.get("DATABASE_URL", f"sqlite:///{folder / 'veilgate.db'}")
    store = store_of(folder, settings)
    household = Household(gateway, store, redis_url=redis_url, database_url=database_url)
    yield household
    household.close()
    gateway.close()


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
