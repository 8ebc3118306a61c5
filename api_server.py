"""The gateway process: settings → resources → HTTP app. Loads no model and no image codec."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from fastapi import FastAPI

from config import Config, get_config
from resources import (
    GATEWAY_REDIS_TIMEOUT_S,
    open_database,
    open_redis_client,
    open_store,
    picture_limits,
)
from veilgate import __version__
from veilgate.api.app import build_app
from veilgate.api.container import Container, UploadLimits
from veilgate.api.wake_hub import WakeHub
from veilgate.domain.errors import QueueUnavailable
from veilgate.queueing.connection import REDIS_AWAY
from veilgate.queueing.enqueue import Dispatcher
from veilgate.queueing.presence import who_is_present
from veilgate.queueing.wakeups import WakeupListener
from veilgate.queueing.work_list import WorkList
from veilgate.services.batches import Batches
from veilgate.services.copies import Copies
from veilgate.services.health import Health, Present
from veilgate.services.intake import Intake
from veilgate.services.job_control import JobControl
from veilgate.services.job_queries import JobQueries
from veilgate.services.spool import Spool
from veilgate.services.statistics import Statistics
from veilgate.telemetry.logging import configure_logging

_DRAIN_S = 20


@contextmanager
def open_container(config: Config) -> Iterator[Container]:
    with ExitStack() as stack:
        database = open_database(config, stack)
        store = open_store(config)
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
        yield Container(
            intake=intake,
            batches=Batches(database, intake),
            queries=JobQueries(database),
            control=JobControl(database),
            copies=Copies(database, store),
            statistics=Statistics(database),
            health=Health(database, store, look_for_workers=look_for_workers),
            spool=spool,
            dispatch=dispatcher,
            hub=hub,
            limits=UploadLimits(
                max_file_bytes=config.server.max_upload_bytes,
                max_batch_bytes=config.server.max_batch_bytes,
                max_batch_files=config.server.max_batch_files,
            ),
        )


def create_app() -> FastAPI:
    config = get_config()
    configure_logging(config.telemetry.log_level, process="gateway")
    return build_app(lambda: open_container(config), version=__version__)


def main() -> None:
    server = get_config().server
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


if __name__ == "__main__":
    main()
