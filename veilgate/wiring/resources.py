"""Settings to open resources: the one place where engines, stores and clients are made.

Roots and the command line use it; each resource is closed in the reverse order by the `ExitStack` given.
"""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from redis import Redis

from config import Config
from veilgate import __version__
from veilgate.domain.errors import ConfigurationError, DatabaseUnavailable, ObjectStoreUnavailable
from veilgate.domain.pictures import PictureLimits
from veilgate.domain.retry import RetryPolicy
from veilgate.inference.manifest import Manifest, ModelKind, read_manifest
from veilgate.lookups.answer_cache import ForgetAnswers
from veilgate.persistence.engine import open_engine
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.connection import open_redis
from veilgate.queueing.operator_lists import OperatorLists
from veilgate.queueing.presence import who_is_present
from veilgate.queueing.work_list import WorkList
from veilgate.search.client import SearchClient
from veilgate.services.jobs.lookup_jobs import LookupJobs
from veilgate.settings.checks import Environment, FaceTiling, VectorIndexKind
from veilgate.settings.wires import wires_in_clear
from veilgate.storage.local import LocalObjectStore
from veilgate.storage.ports import ObjectStore, SigningStore
from veilgate.storage.s3 import S3ObjectStore
from veilgate.storage.s3_client import S3Access
from veilgate.telemetry.logging import get_logger

if TYPE_CHECKING:
    from veilgate.api.quotas import Quotas
    from veilgate.imaging.decode_pool import DecodePool
    from veilgate.inference.ports import Embedder
    from veilgate.inference.worker_models import WorkerModels
    from veilgate.lookups.catalogue import ProviderSettings
    from veilgate.lookups.safe_fetch import SafeFetch
    from veilgate.search.shelf import IndexShelf

# A gateway answers callers and must not wait. A worker that waits renews no leases meanwhile.
GATEWAY_REDIS_TIMEOUT_S = 1.0
WORKER_REDIS_TIMEOUT_S = 5.0
_DECODE_MEMORY_BYTES = 2_000_000_000


def open_database(config: Config, stack: ExitStack) -> Database:
    """Raises `ConfigurationError` when DATABASE_URL leads to what this version cannot work with.

    A server that is away now is no reason to end: nothing is read or written before it has been checked.
    """
    engine = open_engine(config.storage.effective_database_url, pool_size=config.storage.database_pool_size)
    database = Database(engine, checked=True)
    stack.callback(database.close)
    if config.server.environment is Environment.PRODUCTION:
        for setting in wires_in_clear(config):
            get_logger(__name__).warning("connection.in_clear", setting=setting)
    with suppress(DatabaseUnavailable):
        database.check()
    return database


def open_store(config: Config, *, may_be_away: bool = False) -> ObjectStore:
    """The bucket, or the folder. Raises `ConfigurationError` when the bucket cannot be used as configured,
    and `ObjectStoreUnavailable` when that cannot be told now, unless it `may_be_away`."""
    if not config.storage.s3_bucket:
        return LocalObjectStore(config.storage.data_dir / "objects")
    store = S3ObjectStore(_s3_access(config))
    try:
        store.require_usable()
    except ObjectStoreUnavailable as error:
        if not may_be_away:
            raise
        get_logger(__name__).warning("object_store.away", reason=error.message)
    return store


def signing_store(store: ObjectStore) -> SigningStore | None:
    """The store, if callers can be sent there with signed addresses."""
    return store if isinstance(store, S3ObjectStore) else None


def _s3_access(config: Config) -> S3Access:
    storage = config.storage
    return S3Access(
        bucket=storage.s3_bucket,
        region=storage.aws_region,
        endpoint_url=storage.s3_endpoint_url,
        public_endpoint_url=storage.s3_public_endpoint_url,
        access_key_id=storage.aws_access_key_id.get_secret_value(),
        secret_access_key=storage.aws_secret_access_key.get_secret_value(),
        session_token=storage.aws_session_token.get_secret_value(),
        ca_file=storage.s3_ca_file,
        encryption=storage.s3_server_side_encryption.value,
        kms_key_id=storage.s3_kms_key_id,
        signed_url_s=storage.s3_signed_url_s,
    )


def open_redis_client(config: Config, stack: ExitStack, *, timeout_s: float) -> Redis:
    client = open_redis(config.redis_url, timeout_s=timeout_s)
    stack.callback(client.close)
    return client


def open_work_list(config: Config, stack: ExitStack) -> OperatorLists:
    """The lists as an operator's commands use them; connects on first use."""
    redis = open_redis_client(config, stack, timeout_s=WORKER_REDIS_TIMEOUT_S)
    work_list = WorkList(redis, job_timeout_s=config.queue.job_timeout_s)
    return OperatorLists(redis, work_list, handover_s=config.queue.job_lease_s / 2)


def open_quotas(config: Config) -> "Quotas":
    """The gateway's; connects on first use, and is closed on the event loop. Imported here, because workers
    have no callers."""
    from veilgate.api.quotas import Allowances, Quotas

    access = config.access
    return Quotas(
        config.redis_url,
        Allowances(
            requests=access.limit_requests_per_minute,
            bytes=access.limit_bytes_per_hour,
            streams=access.limit_streams,
        ),
    )


def open_fetcher(config: Config, stack: ExitStack) -> "SafeFetch":
    """What fetches from addresses that callers name."""
    from veilgate.domain.addresses import Reachable
    from veilgate.lookups.safe_fetch import SafeFetch
    from veilgate.lookups.system_names import SystemNames

    names = SystemNames()
    stack.callback(names.close)
    return SafeFetch(Reachable.parse(config.access.fetch_allow), names.resolve)


def open_search_client(config: Config, stack: ExitStack, *, timeout_s: float) -> SearchClient:
    """Asks the search server; connects on first use."""
    address = config.search.search_url or config.search.socket_path(config.storage.data_dir)
    client = SearchClient(address, timeout_s)
    stack.callback(client.close)
    return client


def answer_forgetter(config: Config, stack: ExitStack) -> Callable[[str], None]:
    """Forgets what providers said of an image; connects when it is asked to."""
    return ForgetAnswers(open_redis_client(config, stack, timeout_s=WORKER_REDIS_TIMEOUT_S))


def presence_reader(config: Config, stack: ExitStack) -> Callable[[], dict[str, list[dict[str, Any]]]]:
    """Says who is at work; connects when it is asked."""
    return partial(who_is_present, open_redis_client(config, stack, timeout_s=WORKER_REDIS_TIMEOUT_S))


def open_decode_pool(config: Config, stack: ExitStack, *, children: int) -> "DecodePool":
    """Before models and threads: decode children come from a process that has neither."""
    from veilgate.imaging.decode_pool import DecodePool

    pool = DecodePool(
        children,
        limits=picture_limits(config),
        timeout_s=config.worker.decode_timeout_s,
        memory_bytes=_DECODE_MEMORY_BYTES,
    )
    pool.start()
    stack.callback(pool.close)
    return pool


def picture_limits(config: Config) -> PictureLimits:
    return PictureLimits(max_pixels=config.server.max_pixels)


def lookup_jobs(config: Config) -> LookupJobs:
    """What every process needs to know of lookups that makes one follow."""
    from veilgate.lookups.catalogue import names_enabled

    return LookupJobs(names_enabled(provider_settings(config)))


def provider_settings(config: Config) -> "ProviderSettings":
    """The keys and addresses of providers. Imported here, because most processes ask none."""
    from veilgate.lookups.catalogue import ProviderSettings

    given = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in config.lookups
    }
    return ProviderSettings(**{field.name: given[field.name] for field in fields(ProviderSettings)})


def retry_policy(config: Config) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=config.queue.job_max_attempts, max_deliveries=config.queue.job_max_deliveries
    )


def models_folder() -> Path:
    """models/ of the repository, where the manifest lives."""
    return Path(__file__).resolve().parents[2] / "models"


def models_manifest() -> Manifest:
    """Raises `ConfigurationError`."""
    return read_manifest(models_folder() / "manifest.toml")


def fetched_models_folder(config: Config) -> Path:
    """Where models lie that were fetched, or put there by hand."""
    return config.storage.data_dir / "models"


def veil_targets(config: Config) -> tuple[str, ...]:
    """The classes that this house veils, known without loading a model."""
    return models_manifest().veil_targets(config.models.face_detection_model_path, config.models.blur_targets)


def models_digest(config: Config) -> str:
    """Changes with everything that decides about results beside the picture and its options.

    Of a model that is not on this machine only the setting counts.
    """
    manifest = models_manifest()
    models = config.models
    facts = [__version__, models.model_dump_json(exclude={"model_fetch"})]
    for setting, kind in (
        (models.face_detection_model_path, ModelKind.FACES),
        (models.vehicle_detection_model_path, ModelKind.VEHICLES),
    ):
        with suppress(ConfigurationError):
            facts.append(repr(replace(manifest.resolve(setting, kind), source=None)))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def open_models(config: Config, *, streams: int) -> "WorkerModels":
    """The models of an images worker, for that many pictures at once. Imported here, because the gateway
    must not load them."""
    from veilgate.inference.embedder_models import EmbedderChoice
    from veilgate.inference.worker_models import ModelChoice, open_worker_models

    choice = ModelChoice(
        faces=config.models.face_detection_model_path,
        faces_longest_side_px=config.models.face_detection_size,
        tiling=config.models.face_tiling is FaceTiling.AUTO,
        blur_targets=config.models.blur_targets,
        vehicles=config.models.vehicle_detection_model_path,
        embedder=EmbedderChoice(
            config.search.embedding_model_path, config.search.near_duplicate_score, streams=streams
        ),
        fetch=config.models.model_fetch,
        streams=streams,
    )
    return open_worker_models(
        choice,
        manifest_path=models_folder() / "manifest.toml",
        fetched_folder=fetched_models_folder(config),
    )


def open_index_shelf(config: Config) -> "IndexShelf":
    """Where the search server keeps its indexes. Imported here, because the gateway has none."""
    from veilgate.search.shelf import FaissShelf, MilvusShelf

    search = config.search
    if search.vector_index is VectorIndexKind.MILVUS:
        return MilvusShelf(search.milvus_uri, search.milvus_token.get_secret_value())
    return FaissShelf(config.storage.data_dir / "search")


def open_embedder(config: Config, setting_value: str | None = None) -> "Embedder":
    """The embedder that EMBEDDING_MODEL_PATH names, or that this value of it would.

    Raises `ModelMissing` and `ConfigurationError`.
    """
    from veilgate.inference.embedder_models import EmbedderChoice, open_embedder

    wanted = config.search.embedding_model_path if setting_value is None else setting_value
    return open_embedder(
        EmbedderChoice(wanted, config.search.near_duplicate_score),
        manifest_path=models_folder() / "manifest.toml",
        fetched_folder=fetched_models_folder(config),
    )
