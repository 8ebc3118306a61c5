"""The images worker: models, pipeline and engine behind a session worker. Started by worker.py."""

import os
import queue
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing

from config import Config
from pipeline_architecture import PictureParts, picture_pipeline
from veilgate.domain.errors import VeilgateError
from veilgate.domain.families import IMAGES
from veilgate.imaging.decode_pool import DecodePool
from veilgate.imaging.resample import use_calling_thread_only
from veilgate.inference.device_memory import taken_bytes
from veilgate.inference.worker_models import WorkerModels
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.enqueue import Dispatcher
from veilgate.queueing.presence import Presence
from veilgate.queueing.session_parts import SessionLimits, SessionParts
from veilgate.queueing.session_worker import SessionWorker
from veilgate.queueing.wakeups import WakeupSender
from veilgate.queueing.watchdog import Watchdog
from veilgate.queueing.work_list import WorkList
from veilgate.services.engines.device_line import ChunkBounds
from veilgate.services.engines.image_jobs import ImageJobs
from veilgate.services.engines.picture_ends import PictureEnds
from veilgate.services.engines.picture_engine import PictureEnd, PictureEngine
from veilgate.services.engines.recorder import Recorder
from veilgate.services.engines.settlements import Settlement
from veilgate.services.jobs.claims import Claims
from veilgate.stop_request import StopRequest
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.readings import DEVICE_MEMORY_BYTES, look_when_asked
from veilgate.telemetry.usable_cores import usable_cores
from veilgate.wiring.resources import (
    WORKER_REDIS_TIMEOUT_S,
    lookup_jobs,
    open_database,
    open_models,
    open_redis_client,
    open_store,
    picture_limits,
    retry_policy,
)

_log = get_logger(__name__)
_CORES = usable_cores()
# Each holds a graph's memory of its own. Four is a guess: only two cores were at hand to measure.
_DEVICE_THREADS = min(_CORES, 4)
_FINISH_THREADS = _CORES
_DECODE_MEMORY_BYTES = 2_000_000_000
# Two pictures of 1280 × 960: on a CPU they run one after the other, and the first waits for the last.
_LARGEST_CHUNK_PIXELS = 2_500_000
# As long as a decode may take; what runs on after that hangs.
_ENGINE_END_S = 20.0


def run(config: Config, stack: ExitStack, stop: StopRequest) -> None:
    # Stages run side by side; a codec with threads of its own would only get in their way.
    use_calling_thread_only()
    # First, for it fails soonest: a machine on which no child can start needs no models.
    decode_pool = _open_decode_pool(config, stack)
    models = open_models(config, streams=_DEVICE_THREADS)
    stack.callback(models.close)
    models.require_working_device()
    look_when_asked(lambda: [DEVICE_MEMORY_BYTES.at(taken, name) for name, taken in taken_bytes().items()])
    worker = _open_worker(config, stack, decode_pool, models)
    stop.tell(worker.request_stop)
    _log.info("worker.ready", models=models.states())
    worker.work(logging_level="WARNING")
    if worker.lost_device:
        raise worker.lost_device
    if not stop.asked:
        raise VeilgateError("It ended unasked; what was raised is logged above.")


def _open_worker(
    config: Config, stack: ExitStack, decode_pool: DecodePool, models: WorkerModels
) -> SessionWorker:
    database, store, name = open_database(config, stack), open_store(config), config.worker.name(os.getpid())
    redis = open_redis_client(config, stack, timeout_s=WORKER_REDIS_TIMEOUT_S)
    settlements: queue.SimpleQueue[Settlement] = queue.SimpleQueue()
    wake = WakeupSender(redis)
    policy = retry_policy(config)
    work_list = WorkList(redis, job_timeout_s=config.queue.job_timeout_s)
    dispatcher = stack.enter_context(closing(Dispatcher(database, work_list)))
    recorder = Recorder(
        database,
        PictureEnds(database, store, lookup_jobs(config)),
        retry_policy=policy,
        settled=settlements.put,
        wake=wake,
        submitted=lambda job: dispatcher(job.id, job.kind, job.lane),
    )
    stack.callback(recorder.close)
    watchdog = Watchdog(timeout_s=config.queue.job_timeout_s)
    parts = _picture_parts(config, database, store, models, decode_pool)
    engine = _open_engine(config, parts, recorder)
    stack.callback(_end_engine, engine, watchdog)
    presence = Presence(redis, family=IMAGES.name, name=name)
    stack.callback(presence.withdraw)
    session = SessionParts(
        family=IMAGES.name,
        claims=Claims(database, worker=name, lease_s=config.queue.job_lease_s),
        engine=ImageJobs(engine),
        settlements=settlements,
        lanes=work_list.lanes_of(IMAGES),
        watchdog=watchdog,
        limits=SessionLimits(
            config.worker.max_jobs_in_flight, config.worker.max_pixels_in_flight, config.queue.job_lease_s
        ),
        announce=lambda: presence.announce(
            {"pid": os.getpid(), "models": models.states(), "chunk_pixels": engine.chunk_pixels}
        ),
    )
    return SessionWorker(redis, session, name=name)


def _end_engine(engine: PictureEngine, watchdog: Watchdog) -> None:
    """Nobody waits for what still runs in it, be it a picture that was abandoned or a device that is lost."""
    watchdog.expect_end(within_s=_ENGINE_END_S)
    engine.close()
    watchdog.rest()


def _open_decode_pool(config: Config, stack: ExitStack) -> DecodePool:
    pool = DecodePool(
        config.worker.decode_children,
        limits=picture_limits(config),
        timeout_s=config.worker.decode_timeout_s,
        memory_bytes=_DECODE_MEMORY_BYTES,
    )
    pool.start()
    stack.callback(pool.close)
    return pool


def _picture_parts(
    config: Config, database: Database, store: ObjectStore, models: WorkerModels, decode_pool: DecodePool
) -> PictureParts:
    def known_vectors(picture_sha256s: Sequence[str], model_id: str) -> Mapping[str, bytes]:
        with database.read() as transaction:
            return transaction.embeddings.known(picture_sha256s, model_id=model_id)

    return PictureParts(
        store=store,
        decode=decode_pool.decode,
        faces=models.faces,
        face_threshold=config.models.face_confidence_threshold,
        veil_labels=models.veil_labels,
        vehicles=models.vehicles.get,
        vehicle_threshold=config.models.car_confidence_threshold,
        embedder=models.embedder.get,
        known_vectors=known_vectors,
    )


def _open_engine(config: Config, parts: PictureParts, recorder: Recorder[PictureEnd]) -> PictureEngine:
    return PictureEngine(
        picture_pipeline(parts),
        recorder,
        decode_threads=config.worker.decode_children,
        cpu_threads=_FINISH_THREADS,
        device_threads=_DEVICE_THREADS,
        chunk_bounds=ChunkBounds(config.worker.max_chunk, _LARGEST_CHUNK_PIXELS),
    )
