"""The reconciler: one leads, others stand by. Started by worker.py."""

import os
from contextlib import ExitStack

from config import Config
from veilgate.domain.families import FAMILIES
from veilgate.lookups.answer_cache import ForgetAnswers
from veilgate.persistence.unit_of_work import Database
from veilgate.queueing.presence import Presence
from veilgate.queueing.reconciler import Reconciler, ReconcilerTiming
from veilgate.queueing.sweeper import Sweeper
from veilgate.queueing.wakeups import WakeupSender
from veilgate.queueing.work_list import WorkList
from veilgate.services.finding.missing_words import MissingWords
from veilgate.services.images.erase import ErasedFiles
from veilgate.services.images.housekeeping import Housekeeping
from veilgate.services.images.kept_originals import KeptOriginals
from veilgate.services.images.retention import Retention
from veilgate.services.jobs.lease_expiry import LeaseExpiry
from veilgate.services.webhooks.delivery_log import DeliveryLog
from veilgate.stop_request import StopRequest
from veilgate.storage.ports import ObjectStore
from veilgate.telemetry.logging import get_logger
from veilgate.wiring.resources import (
    WORKER_REDIS_TIMEOUT_S,
    open_database,
    open_redis_client,
    open_store,
    retry_policy,
)

# A worker that has been given up may still wait for a store that answers slowly.
_LAST_WORDS_S = 60.0


def run(config: Config, stack: ExitStack, stop: StopRequest) -> None:
    database, store = open_database(config, stack), open_store(config)
    redis = open_redis_client(config, stack, timeout_s=WORKER_REDIS_TIMEOUT_S)
    work_list = WorkList(redis, job_timeout_s=config.queue.job_timeout_s)
    queues = [queue for family in FAMILIES for queue in work_list.lanes_of(family).values()]
    reconciler = Reconciler(
        database,
        redis,
        work_list,
        Sweeper(redis, queues, handover_s=config.queue.job_lease_s / 2),
        expiry=LeaseExpiry(database, store, policy=retry_policy(config), wake=WakeupSender(redis)),
        housekeeping=_housekeeping(config, database, store, forget_answers=ForgetAnswers(redis)),
        timing=ReconcilerTiming(
            interval_s=config.queue.reconcile_interval_s, waiting_after_s=config.queue.job_lease_s * 1.5
        ),
    )
    presence = Presence(redis, family="reconciler", name=config.worker.name(os.getpid()))
    stack.callback(presence.withdraw)
    get_logger(__name__).info("worker.ready")
    reconciler.run(lambda: stop.asked, lambda: presence.announce({"pid": os.getpid()}))


def _housekeeping(
    config: Config, database: Database, store: ObjectStore, *, forget_answers: ForgetAnswers
) -> Housekeeping:
    queue = config.queue
    settled_after_s = queue.job_lease_s + queue.job_timeout_s + _LAST_WORDS_S
    return Housekeeping(
        database,
        store,
        also=[
            Retention(database, store, kept_days=config.search.originals_kept_days).drop_originals,
            MissingWords(database).write_missing_words,
            DeliveryLog(database, kept_days=config.webhooks.webhook_log_days).sweep_deliveries,
            KeptOriginals(database).count_originals,
        ],
        often=[
            ErasedFiles(
                database, store, settled_after_s=settled_after_s, forget_answers=forget_answers
            ).sweep_due
        ],
    )
