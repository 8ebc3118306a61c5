"""The gateway process: settings → resources → HTTP app. Loads no model and no image codec."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from fastapi import FastAPI

from config import Config, require_config
from resources import (
    GATEWAY_REDIS_TIMEOUT_S,
    open_database,
    open_redis_client,
    open_store,
    picture_limits,
    signing_store,
    veil_targets,
)
from veilgate import __version__
from veilgate.api.app import build_app
from veilgate.api.container import Container, UploadLimits
from veilgate.api.wake_hub import WakeHub
from veilgate.domain.errors import ConfigurationError, QueueUnavailable
from veilgate.queueing.connection import REDIS_AWAY
from veilgate.queueing.enqueue import Dispatcher
from veilgate.queueing.presence import who_is_present
from veilgate.queueing.wakeups import WakeupListener
from veilgate.queueing.work_list import WorkList
from veilgate.services.admission import Admission
from veilgate.services.batches import Batches
from veilgate.services.copies import Copies
from veilgate.services.direct_uploads import DirectUploads
from veilgate.services.health import Health, Present
from veilgate.services.intake import Intake
from veilgate.services.job_control import JobControl
from veilgate.services.job_queries import JobQueries
from veilgate.services.redo import Redo
from veilgate.services.spool import Spool
from veilgate.services.statistics import Statistics
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.logging import configure_logging, get_logger

_DRAIN_S = 20


@contextmanager
def open_container(config: Config, store: ObjectStore, targets: tuple[str, ...]) -> Iterator[Container]:
    with ExitStack() as stack:
        database = open_database(config, stack)
        redis = open_redis_client(config, stack, timeout_s=GATEWAY_REDIS_TIMEOUT_S)
        dispatcher = Dispatcher(database, WorkList(redis, job_timeout_s=config.queue.job_timeout_s))
        stack.callback(dispatcher.close)
        hub = WakeHub()
        stack.callback(WakeupListener(redis, hub.notify).close)
        spool = Spool(config.storage.data_dir / "incoming")
        spool.sweep()

        def look_for_workers() -> Present:
            try:
                return who_is_present(redis)
            except REDIS_AWAY as error:
                raise QueueUnavailable from error

        intake = Intake(database, store, limits=picture_limits(config))
        signing = signing_store(store)
        yield Container(
            admission=Admission(database, max_waiting=config.queue.max_queue_size),
            intake=intake,
            batches=Batches(database, intake),
            direct_uploads=DirectUploads(
                database, intake, spool, store=signing, max_file_bytes=config.server.max_upload_bytes
            ),
            queries=JobQueries(database),
            control=JobControl(database),
            redo=Redo(database),
            copies=Copies(database, store, signer=signing if config.storage.s3_redirect_downloads else None),
            statistics=Statistics(database),
            health=Health(database, store, look_for_workers=look_for_workers),
            spool=spool,
            dispatch=dispatcher,
            hub=hub,
            limits=_upload_limits(config),
            veil_targets=targets,
        )


def _upload_limits(config: Config) -> UploadLimits:
    server = config.server
    return UploadLimits(server.max_upload_bytes, server.max_batch_bytes, server.max_batch_files)


def create_app() -> FastAPI:
    config = require_config()
    configure_logging(config.telemetry.log_level, process="gateway")
    # Before the server runs: what an operator must put right is a line, not a traceback.
    targets = veil_targets(config)
    store = open_store(config, may_be_away=True)
    with ExitStack() as stack:
        open_database(config, stack)
    return build_app(lambda: open_container(config, store, targets), version=__version__)


def main() -> None:
    server = require_config().server
    try:
        uvicorn.run(
            create_app,
            factory=True,
            host=server.host,
            port=server.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_S,
        )
    except ConfigurationError as error:
        get_logger(__name__).error("gateway.cannot_run", code=error.code, reason=error.message)
        sys.exit(os.EX_CONFIG)


if __name__ == "__main__":
    main()
