"""The deliveries worker: sends what is in the outbox to webhooks. Started by worker.py."""

import asyncio
import os
from contextlib import ExitStack

from config import Config
from veilgate.domain.addresses import Reachable
from veilgate.domain.webhooks import HOUR_MS
from veilgate.lookups.safe_fetch import SafeFetch
from veilgate.lookups.system_names import SystemNames
from veilgate.queueing.presence import Presence
from veilgate.queueing.wakeups import WakeupListener
from veilgate.services.webhooks.deliveries import AT_ONCE, MOST_LINES, Deliveries
from veilgate.services.webhooks.delivery_book import DeliveryBook
from veilgate.stop_request import StopRequest
from veilgate.telemetry.logging import get_logger
from veilgate.wiring.resources import WORKER_REDIS_TIMEOUT_S, open_database, open_redis_client

_log = get_logger(__name__)


def run(config: Config, stack: ExitStack, stop: StopRequest) -> None:
    database = open_database(config, stack)
    redis = open_redis_client(config, stack, timeout_s=WORKER_REDIS_TIMEOUT_S)
    names = SystemNames()
    stack.callback(names.close)
    fetch = SafeFetch(
        Reachable.parse(config.webhooks.webhook_allow), names.resolve, most_at_once=AT_ONCE * MOST_LINES
    )
    presence = Presence(redis, family="deliveries", name=config.worker.name(os.getpid()))
    stack.callback(presence.withdraw)
    deliveries = Deliveries(
        DeliveryBook(database, give_up_ms=round(config.webhooks.webhook_give_up_hours * HOUR_MS)),
        fetch.post,
        announce=lambda: presence.announce({"pid": os.getpid()}),
    )
    stack.callback(WakeupListener(redis, lambda _job_ids: deliveries.wake()).close)
    stop.tell(lambda _number, _frame: deliveries.stop())
    _log.info("worker.ready")
    asyncio.run(deliveries.run())
