"""The gateway process: settings → resources → HTTP app. Loads no model and no image codec."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from veilgate.stop_request import StopRequest

if __name__ == "__main__":
    # Before what follows, which takes a second to import.
    stop_request = StopRequest()

import uvicorn
from fastapi import FastAPI

from config import Config, require_config
from veilgate import __version__
from veilgate.api.app import build_app
from veilgate.api.container import Container, UploadLimits
from veilgate.api.event_watch import EventWatch
from veilgate.api.wake_hub import WakeHub
from veilgate.domain.addresses import Reachable
from veilgate.domain.errors import ConfigurationError
from veilgate.domain.fetch_targets import read_target
from veilgate.lookups.answer_cache import ForgetAnswers
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.enqueue import Dispatcher
from veilgate.queueing.presence import who_is_present
from veilgate.queueing.wakeups import WakeupListener
from veilgate.queueing.work_list import WorkList
from veilgate.services.images.copies import Copies
from veilgate.services.images.erase import Erase
from veilgate.services.images.image_links import ImageLinks
from veilgate.services.images.image_notes import ImageNotes
from veilgate.services.images.shared_links import SharedFiles
from veilgate.services.jobs.job_control import JobControl
from veilgate.services.jobs.job_events import JobEvents
from veilgate.services.jobs.job_queries import JobQueries
from veilgate.services.jobs.lookups import Lookups
from veilgate.services.jobs.redo import Redo
from veilgate.services.overview.health import Health, Present
from veilgate.services.overview.house_numbers import HouseNumbers
from veilgate.services.overview.prices import read_prices
from veilgate.services.overview.statistics import Statistics
from veilgate.services.uploads.admission import Admission
from veilgate.services.uploads.batches import Batches
from veilgate.services.uploads.direct_uploads import DirectUploads
from veilgate.services.uploads.disk import Disk
from veilgate.services.uploads.intake import Intake
from veilgate.services.uploads.spool import Spool
from veilgate.services.uploads.url_uploads import UrlUploads
from veilgate.services.webhooks.webhooks import Webhooks
from veilgate.settings.checks import listed
from veilgate.storage.ports import ObjectStore, SigningStore
from veilgate.telemetry import failpoints
from veilgate.telemetry.logging import configure_logging, get_logger, log_what_nobody_caught
from veilgate.telemetry.readings import look_when_asked
from veilgate.wiring.finding import open_finding
from veilgate.wiring.front_door import open_front_door, require_a_way_in
from veilgate.wiring.http_protocol import GatewayProtocol
from veilgate.wiring.http_server import HttpServer
from veilgate.wiring.resources import (
    GATEWAY_REDIS_TIMEOUT_S,
    lookup_jobs,
    models_digest,
    open_database,
    open_fetcher,
    open_redis_client,
    open_store,
    picture_limits,
    signing_store,
    veil_targets,
)
from veilgate.wiring.shown_numbers import show_numbers

_DRAIN_S = 20


@contextmanager
def open_container(config: Config, store: ObjectStore, targets: tuple[str, ...]) -> Iterator[Container]:
    with ExitStack() as stack:
        database, wanted = open_database(config, stack), lookup_jobs(config)
        redis = open_redis_client(config, stack, timeout_s=GATEWAY_REDIS_TIMEOUT_S)
        work_list = WorkList(redis, job_timeout_s=config.queue.job_timeout_s)
        workers = partial(who_is_present, redis)
        spool, admission, health = _open_health(config, stack, database, store, look_for_workers=workers)
        hub, events = WakeHub(), JobEvents(database)
        stack.callback(WakeupListener(redis, hub.notify, note=health.note).close)
        _tell_house_numbers(config, stack, database, health)
        intake = _intake(config, database, store)
        signing, links = signing_store(store), ImageLinks(config.search.public_base_url)
        yield Container(
            door=open_front_door(config, database),
            admission=admission,
            intake=intake,
            batches=Batches(database, intake),
            direct_uploads=_direct_uploads(config, database, intake, spool, store=signing),
            url_uploads=UrlUploads(intake, open_fetcher(config, stack)),
            queries=JobQueries(database, links),
            events=events,
            control=JobControl(database),
            redo=Redo(database),
            lookups=Lookups(database, wanted),
            erase=Erase(database, store, forget_answers=ForgetAnswers(redis)),
            finding=open_finding(config, stack, database, intake=intake, links=links),
            links=links,
            shared_files=SharedFiles(database, store),
            notes=ImageNotes(database),
            webhooks=_webhooks(config, database),
            copies=Copies(database, store, signer=signing if config.storage.s3_redirect_downloads else None),
            statistics=Statistics(database, read_prices(config.telemetry.prices_file)),
            health=health,
            spool=spool,
            dispatch=stack.enter_context(closing(Dispatcher(database, work_list, note=health.note))),
            hub=hub,
            watch=stack.enter_context(closing(EventWatch(hub, events))),
            limits=_upload_limits(config),
            veil_targets=targets,
        )


def _open_health(
    config: Config,
    stack: ExitStack,
    database: Database,
    store: ObjectStore,
    *,
    look_for_workers: Callable[[], Present],
) -> tuple[Spool, Admission, Health]:
    spool, disk = _spool(config), _disk(config, database)
    admission = _admission(config, database, disk)
    health = Health(
        database,
        store,
        admission,
        spool=spool,
        disk=disk,
        look_for_workers=look_for_workers,
        looks_up=bool(lookup_jobs(config).providers),
    )
    stack.callback(health.close)
    return spool, admission, health


def _tell_house_numbers(config: Config, stack: ExitStack, database: Database, health: Health) -> None:
    numbers = HouseNumbers(database, health, lookup_daily_usd=config.lookups.lookup_daily_usd)
    stack.callback(numbers.close)
    stack.callback(look_when_asked(numbers.values))


def _intake(config: Config, database: Database, store: ObjectStore) -> Intake:
    return Intake(
        database,
        store,
        limits=picture_limits(config),
        models=models_digest(config),
        lookups=lookup_jobs(config),
    )


def _spool(config: Config) -> Spool:
    """Without what a gateway that was killed had received."""
    spool = Spool(config.storage.data_dir / "incoming")
    spool.sweep()
    return spool


def _direct_uploads(
    config: Config, database: Database, intake: Intake, spool: Spool, *, store: SigningStore | None
) -> DirectUploads:
    return DirectUploads(database, intake, spool, store=store, max_file_bytes=config.server.max_upload_bytes)


def _webhooks(config: Config, database: Database) -> Webhooks:
    reachable = Reachable.parse(config.webhooks.webhook_allow)
    return Webhooks(
        database,
        read_target=lambda url: read_target(url, reachable),
        own_url=config.search.public_base_url,
    )


def _disk(config: Config, database: Database) -> Disk:
    """Where uploads are received, stored and written down, as far as that is on this machine."""
    data_dir = config.storage.data_dir
    folders = (data_dir, data_dir / "objects", database.folder or data_dir)
    return Disk(folders, needed_bytes=config.server.max_upload_bytes)


def _admission(config: Config, database: Database, disk: Disk) -> Admission:
    queue = config.queue
    return Admission(database, disk, max_waiting=queue.max_queue_size, max_age_s=queue.max_queue_age_s)


def _upload_limits(config: Config) -> UploadLimits:
    server = config.server
    return UploadLimits(server.max_upload_bytes, server.max_batch_bytes, server.max_batch_files)


def create_app() -> FastAPI:
    config = require_config()
    failpoints.arm(config.telemetry.failpoints)
    # Before the server runs: what an operator must put right is a line, not a traceback.
    targets = veil_targets(config)
    store = open_store(config, may_be_away=True)
    with ExitStack() as stack:
        require_a_way_in(config, open_database(config, stack))
    return build_app(
        lambda: open_container(config, store, targets),
        version=__version__,
        origins=listed(config.access.cors_allow_origins),
    )


def main(stop: StopRequest) -> int:
    config = require_config()
    configure_logging(config.telemetry.log_level, process="gateway")
    log_what_nobody_caught()
    settings = config.server
    server = HttpServer(
        uvicorn.Config(
            create_app,
            factory=True,
            host=settings.host,
            port=settings.port,
            http=GatewayProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            # TRUSTED_PROXIES says whose word is taken; uvicorn would take that of any process here.
            proxy_headers=False,
            timeout_graceful_shutdown=_DRAIN_S,
        )
    )
    stop.tell(server.handle_exit)
    try:
        with ExitStack() as stack:
            show_numbers(config, stack, process="gateway")
            server.run()
    except ConfigurationError as error:
        get_logger(__name__).error("gateway.cannot_run", code=error.code, reason=error.message)
        return os.EX_CONFIG
    return 0


if __name__ == "__main__":
    exit_code = main(stop_request)
    stop_request.is_granted()
    sys.exit(exit_code)
