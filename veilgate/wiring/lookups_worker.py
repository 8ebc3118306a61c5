"""The lookups worker: providers, tree and engine behind a session worker. Started by worker.py."""

import asyncio
import os
import queue
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager

from config import Config
from lookup_architecture import LookupParts, lookup_pipeline
from veilgate.domain.errors import VeilgateError
from veilgate.domain.families import LOOKUPS
from veilgate.lookups.attempts import ANSWERED, CUT_OFF
from veilgate.lookups.calls import CACHED, SHARED, Calls
from veilgate.lookups.catalogue import enabled, settings_that_enable
from veilgate.lookups.pages.page_reader import WebPageReader
from veilgate.lookups.pages.shared_pages import SharedPages
from veilgate.lookups.ports import MakeLink, PageReader
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.presence import Presence
from veilgate.queueing.session_parts import SessionLimits, SessionParts
from veilgate.queueing.session_worker import SessionWorker
from veilgate.queueing.wakeups import WakeupSender
from veilgate.queueing.watchdog import Watchdog
from veilgate.queueing.work_list import WorkList
from veilgate.services.engines.lookup_ends import LookupEnds
from veilgate.services.engines.lookup_engine import LookupEngine
from veilgate.services.engines.recorder import Recorder
from veilgate.services.engines.settlements import Settlement
from veilgate.services.images.shared_links import SharedLinks
from veilgate.services.jobs.claims import Claims
from veilgate.stages.ask_provider import LinkMaker
from veilgate.stages.lookup_contract import LookupStage, LookupWork
from veilgate.stages.pipeline import Pipeline
from veilgate.stop_request import StopRequest
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import (
    PROVIDER_ANSWERS_KNOWN,
    PROVIDER_CALL_SECONDS,
    PROVIDER_CALLS,
    PROVIDER_COST_USD,
    from_zero,
)
from veilgate.telemetry.readings import PROVIDER_CIRCUIT_OPEN, look_when_asked
from veilgate.wiring.asking import open_calls
from veilgate.wiring.resources import (
    WORKER_REDIS_TIMEOUT_S,
    lookup_jobs,
    open_database,
    open_fetcher,
    open_redis_client,
    open_store,
    provider_settings,
    retry_policy,
    signing_store,
)

_log = get_logger(__name__)
# Whoever asks for an end waits for half a minute, and a lookup that began a moment ago may take longer.
_DRAIN_S = 20.0
# A lookup that has ended may wait for a database that is away.
_RECORDING_S = 60.0
_ENGINE_END_S = 20.0


def run(config: Config, stack: ExitStack, stop: StopRequest) -> None:
    worker = _open_worker(config, stack)
    stop.tell(worker.request_stop)
    providers = lookup_jobs(config).providers
    if not providers:
        _log.warning("lookups.no_provider", enabled_by=settings_that_enable())
    _log.info("worker.ready", providers=providers)
    worker.work(logging_level="WARNING")
    if not stop.asked:
        raise VeilgateError("It ended unasked; what was raised is logged above.")


def _open_worker(config: Config, stack: ExitStack) -> SessionWorker:
    database, store, name = open_database(config, stack), open_store(config), config.worker.name(os.getpid())
    redis = open_redis_client(config, stack, timeout_s=WORKER_REDIS_TIMEOUT_S)
    settlements: queue.SimpleQueue[Settlement] = queue.SimpleQueue()
    work_list = WorkList(redis, job_timeout_s=config.queue.job_timeout_s)
    recorder = Recorder(
        database,
        LookupEnds(),
        retry_policy=retry_policy(config),
        settled=settlements.put,
        wake=WakeupSender(redis),
    )
    stack.callback(recorder.close)
    watchdog = Watchdog(timeout_s=config.lookups.lookup_timeout_s + _RECORDING_S)
    engine = LookupEngine(
        lambda: _open_pipeline(config, database, store),
        recorder,
        timeout_s=config.lookups.lookup_timeout_s,
    )
    stack.callback(_end_engine, engine, watchdog)
    presence = Presence(redis, family=LOOKUPS.name, name=name)
    stack.callback(presence.withdraw)
    providers = lookup_jobs(config).providers
    session = SessionParts(
        family=LOOKUPS.name,
        claims=Claims(database, worker=name, lease_s=config.queue.job_lease_s),
        engine=engine,
        settlements=settlements,
        lanes=work_list.lanes_of(LOOKUPS),
        watchdog=watchdog,
        limits=_session_limits(config),
        announce=lambda: presence.announce(
            {"pid": os.getpid(), "providers": providers, "under_way": engine.under_way}
        ),
    )
    return SessionWorker(redis, session, name=name)


def _session_limits(config: Config) -> SessionLimits:
    return SessionLimits(
        config.lookups.max_lookups_in_flight,
        max_pixels=None,
        lease_s=config.queue.job_lease_s,
        suspects_run_alone=LOOKUPS.suspects_run_alone,
        drain_s=min(_DRAIN_S, config.queue.job_timeout_s),
        longest_s=None,
    )


def _end_engine(engine: LookupEngine, watchdog: Watchdog) -> None:
    """Nobody waits for threads that hang in it."""
    watchdog.expect_end(within_s=_ENGINE_END_S)
    engine.close()
    watchdog.rest()


@asynccontextmanager
async def _open_pipeline(
    config: Config, database: Database, store: ObjectStore
) -> AsyncIterator[Pipeline[LookupStage]]:
    """On the engine's loop, where connections to providers live."""
    with ExitStack() as stack:
        reader = SharedPages(WebPageReader(open_fetcher(config, stack)))
        async with open_calls(config, database) as calls:
            yield lookup_pipeline(_parts(config, database, store, calls, reader))


def _parts(
    config: Config, database: Database, store: ObjectStore, calls: Calls, reader: PageReader
) -> LookupParts:
    providers = enabled(provider_settings(config), calls)
    refiner = (providers.refiner,) if providers.refiner else ()
    _show_providers([one.name for one in (*providers.pictures, *providers.texts, *refiner)], calls)
    return LookupParts(
        store=store,
        pictures=providers.pictures,
        texts=providers.texts,
        refiner=providers.refiner,
        link_maker=_link_maker(config, database, store),
        reader=reader,
        missing_settings=() if providers.pictures else settings_that_enable(),
        patience_s=config.lookups.lookup_patience_s,
    )


def _show_providers(names: Sequence[str], calls: Calls) -> None:
    """To Prometheus, before the first is asked."""
    from_zero(PROVIDER_CALLS, names, [ANSWERED, CUT_OFF])
    from_zero(PROVIDER_CALL_SECONDS, names)
    from_zero(PROVIDER_COST_USD, names)
    from_zero(PROVIDER_ANSWERS_KNOWN, names, [CACHED, SHARED])
    look_when_asked(
        lambda: [PROVIDER_CIRCUIT_OPEN.at(calls.is_resting(name), name) for name in dict.fromkeys(names)]
    )


def _link_maker(config: Config, database: Database, store: ObjectStore) -> LinkMaker | None:
    links = SharedLinks(
        database,
        base_url=config.search.public_base_url,
        signer=signing_store(store),
        works_s=config.lookups.link_s,
    )
    if not links.can_be_made:
        return None

    def maker_for(work: LookupWork) -> MakeLink:
        async def make() -> str:
            return await asyncio.to_thread(links.make, work.image_id, work.result_key)

        return make

    return maker_for
