"""Settings to open resources: the one place where engines, stores and clients are made.

Roots and the command line use it; each resource is closed in the reverse order by the `ExitStack` given.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from redis import Redis

from config import Config
from veilgate.domain.pictures import PictureLimits
from veilgate.domain.retry import RetryPolicy
from veilgate.persistence.engine import open_engine
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.connection import open_redis
from veilgate.storage.local import LocalObjectStore
from veilgate.storage.ports import ObjectStore

if TYPE_CHECKING:
    from veilgate.inference.worker_models import WorkerModels

# A gateway answers callers and must not wait; a worker blocks on its lists for a while.
GATEWAY_REDIS_TIMEOUT_S = 1.0
WORKER_REDIS_TIMEOUT_S = 15.0


def open_database(config: Config, stack: ExitStack) -> Database:
    database = Database(open_engine(config.storage.effective_database_url))
    stack.callback(database.close)
    return database


def open_store(config: Config) -> ObjectStore:
    return LocalObjectStore(config.storage.data_dir / "objects")


def open_redis_client(config: Config, stack: ExitStack, *, timeout_s: float) -> Redis:
    client = open_redis(config.redis_url, timeout_s=timeout_s)
    stack.callback(client.close)
    return client


def picture_limits(config: Config) -> PictureLimits:
    return PictureLimits(max_pixels=config.server.max_pixels)


def retry_policy(config: Config) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=config.queue.job_max_attempts, max_deliveries=config.queue.job_max_deliveries
    )


def models_folder() -> Path:
    """models/ of the repository, where the manifest lives."""
    return Path(__file__).resolve().parent / "models"


def open_models(config: Config, *, streams: int) -> "WorkerModels":
    """The models of an images worker, for that many pictures at once. Imported here, because the gateway
    must not load them."""
    from veilgate.inference.worker_models import ModelChoice, open_worker_models

    choice = ModelChoice(
        faces=config.models.face_detection_model_path,
        faces_longest_side_px=config.models.face_detection_size,
        vehicles=config.models.vehicle_detection_model_path,
        fetch=config.models.model_fetch,
        streams=streams,
    )
    return open_worker_models(
        choice,
        manifest_path=models_folder() / "manifest.toml",
        fetched_folder=config.storage.data_dir / "models",
    )
