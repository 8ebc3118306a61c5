"""A worker process of one family: settings → resources → models → work.

`python worker.py images` veils pictures; `python worker.py reconciler` puts right what crashes left behind.
"""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from redis import Redis

from config import Config, get_config
from pipeline_architecture import PictureParts, picture_pipeline
from resources import (
    WORKER_REDIS_TIMEOUT_S,
    open_database,
    open_models,
    open_redis_client,
    open_store,
    picture_limits,
    retry_policy,
)
from veilgate.domain.errors import VeilgateError
from veilgate.domain.families import FAMILIES, IMAGES
from veilgate.imaging.decode_pool import DecodePool
from veilgate.inference.worker_models import WorkerModels
from veilgate.queueing.presence import Presence
from veilgate.queueing.reconciler import Reconciler, ReconcilerTiming
from veilgate.queueing.session import SessionLimits, SessionParts
from veilgate.queueing.session_worker import SessionWorker
from veilgate.queueing.sweeper import Sweeper
from veilgate.queueing.wakeups import publish
from veilgate.queueing.watchdog import Watchdog
from veilgate.queueing.work_list import WorkList
from veilgate.services.claims import Claims
from veilgate.services.device_line import ChunkBounds
from veilgate.services.housekeeping import Housekeeping
from veilgate.services.image_jobs import ImageJobs
from veilgate.services.lease_expiry import LeaseExpiry
from veilgate.services.picture_engine import PictureEngine
from veilgate.services.recorder import Recorder, Settlement
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.logging import configure_logging, get_logger

_log = get_logger(__name__)
_FINISH_THREADS = 2
_DECODE_MEMORY_BYTES = 2_000_000_000
# Bounds the memory of one model run: 8 pictures of 640 × 480.
_LARGEST_CHUNK_PIXELS = 2_500_000


def run_images(config: Config, stack: ExitStack) -> None:
    # First of all: decode children come from a process that has loaded nothing and started no thread.
    decode_pool = _open_decode_pool(config, stack)
    models = open_models(config)
    stack.callback(models.close)
    database, store = open_database(config, stack), open_store(config)
    redis = open_redis_client(config, stack, timeout_s=WORKER_REDIS_TIMEOUT_S)
    settlements: queue.SimpleQueue[Settlement] = queue.SimpleQueue()
    recorder = Recorder(
        database, store, retry_policy=retry_policy(config), settled=settlements.put, wake=_announcer(redis)
    )
    stack.callback(recorder.close)
    engine = _open_engine(config, store, models, recorder, decode_pool)
    stack.callback(engine.close)
    presence = Presence(redis, family=IMAGES.name, name=config.worker.name(os.getpid()))
    stack.callback(presence.withdraw)

    parts = SessionParts(
        claims=Claims(database, worker=config.worker.name(os.getpid()), lease_s=config.queue.job_lease_s),
        engine=ImageJobs(engine),
        settlements=settlements,
        lanes=WorkList(redis, job_timeout_s=config.queue.job_timeout_s).lanes_of(IMAGES),
        watchdog=Watchdog(timeout_s=config.queue.job_timeout_s),
        limits=SessionLimits(
            config.worker.max_jobs_in_flight, config.worker.max_pixels_in_flight, config.queue.job_lease_s
        ),
        announce=lambda: presence.announce({"pid": os.getpid(), "models": models.states()}),
    )
    _log.info("worker.ready", models=models.states())
    # RQ refuses a name that is still registered, as that of a killed predecessor may be for a while.
    name = f"{config.worker.name(os.getpid())}.{os.getpid()}"
    SessionWorker(redis, parts, name=name).work(logging_level="WARNING")


def run_reconciler(config: Config, stack: ExitStack) -> None:
    database, store = open_database(config, stack), open_store(config)
    redis = open_redis_client(config, stack, timeout_s=WORKER_REDIS_TIMEOUT_S)
    work_list = WorkList(redis, job_timeout_s=config.queue.job_timeout_s)
    queues = [queue for family in FAMILIES for queue in work_list.lanes_of(family).values()]
    reconciler = Reconciler(
        database,
        redis,
        work_list,
        Sweeper(redis, queues, handover_s=config.queue.job_lease_s / 2),
        expiry=LeaseExpiry(database, policy=retry_policy(config), wake=_announcer(redis)),
        housekeeping=Housekeeping(database, store),
        timing=ReconcilerTiming(
            interval_s=config.queue.reconcile_interval_s, waiting_after_s=config.queue.job_lease_s * 1.5
        ),
    )
    presence = Presence(redis, family="reconciler", name=config.worker.name(os.getpid()))
    stack.callback(presence.withdraw)
    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())
    reconciler.run(stop, lambda: presence.announce({"pid": os.getpid()}))


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


def _open_engine(
    config: Config, store: ObjectStore, models: WorkerModels, recorder: Recorder, decode_pool: DecodePool
) -> PictureEngine:
    parts = PictureParts(
        store=store,
        decode=decode_pool.decode,
        faces=models.faces,
        face_threshold=config.models.face_confidence_threshold,
        vehicles=models.vehicles.get,
        vehicle_threshold=config.models.car_confidence_threshold,
    )
    return PictureEngine(
        picture_pipeline(parts),
        recorder,
        decode_threads=config.worker.decode_children,
        cpu_threads=_FINISH_THREADS,
        chunk_bounds=ChunkBounds(config.worker.max_chunk, _LARGEST_CHUNK_PIXELS),
    )


def _announcer(redis: Redis) -> Callable[[Sequence[str]], None]:
    return partial(publish, redis)


FAMILY_RUNNERS: dict[str, Callable[[Config, ExitStack], None]] = {
    "images": run_images,
    "reconciler": run_reconciler,
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in FAMILY_RUNNERS:
        sys.stderr.write(f"usage: python worker.py {{{'|'.join(FAMILY_RUNNERS)}}}\n")
        return 2
    config = get_config()
    configure_logging(config.telemetry.log_level, process=config.worker.name(os.getpid()))
    try:
        with ExitStack() as stack:
            FAMILY_RUNNERS[arguments[0]](config, stack)
    except VeilgateError as error:
        _log.error("worker.cannot_run", code=error.code, reason=error.message)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
