"""What only one of several search servers does at a time: it leads by a lease, as the reconciler does."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

from veilgate.domain.errors import VeilgateError
from veilgate.domain.search import IndexModelState
from veilgate.inference.ports import Embedder
from veilgate.persistence.unit_of_work import Database
from veilgate.services.finding.embedders import Embedders
from veilgate.services.finding.followed_indexes import FollowedIndexes
from veilgate.services.finding.index_upkeep import IndexUpkeep
from veilgate.services.finding.near_duplicates import NearDuplicates
from veilgate.services.finding.reembedding import Reembedding
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
LEADER = "search"
LEASE_MS = 5_000
_RENEW_AFTER_S = LEASE_MS / 3000
_ROUND_S = 0.2
_REFRESH_S = 1.0
_UPKEEP_S = 3600.0
# A look for gaps at a million images takes 10 s; it takes up a twentieth of the time.
_SHORTEST_REST_S = 2.0
_REST_SHARE = 20
# What could not be read or embedded is given up in the third look: a minute for whoever mends it.
_REST_AFTER_TROUBLE_S = 30.0
_NICE = 10


class SearchDuties:
    """Two threads: one leads and judges near-duplicates, the other embeds what is missing.

    `announce` is called in every round, of a leader or not.
    """

    def __init__(
        self,
        database: Database,
        indexes: FollowedIndexes,
        embedders: Embedders,
        *,
        near_duplicates: NearDuplicates,
        reembedding: Reembedding,
        upkeep: IndexUpkeep,
        announce: Callable[[], None],
    ) -> None:
        self._database = database
        self._indexes = indexes
        self._embedders = embedders
        self._near_duplicates = near_duplicates
        self._reembedding = reembedding
        self._upkeep = upkeep
        self._announce = announce
        self._holder = uuid4().hex
        self._leads_until_s = self._renew_s = self._refresh_s = self._upkeep_s = 0.0
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._lead, name="lead", daemon=True),
            threading.Thread(target=self._reembed, name="reembed", daemon=True),
        ]

    @property
    def leads(self) -> bool:
        return not self._closing.is_set() and time.monotonic() < self._leads_until_s

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Nothing is waited for that can be begun again: a picture that is being embedded is left."""
        self._closing.set()
        for thread in self._threads:
            thread.join()
        with suppress(VeilgateError), self._database.write() as transaction:
            transaction.leases.release(LEADER, holder=self._holder)

    # --- near-duplicates, models, upkeep

    def _lead(self) -> None:
        trouble = ""
        while not self._closing.is_set():
            judged = 0
            try:
                self._announce()
                judged = self._round()
                trouble = ""
            except VeilgateError as error:
                if error.code != trouble:
                    _log.warning("search.interrupted", error=error.code, reason=error.message)
                trouble = error.code
            except Exception:  # noqa: BLE001 - the next round may do better; searching goes on
                _log.exception("search.round_failed")
            if not judged:
                self._closing.wait(_ROUND_S)

    def _round(self) -> int:
        """How many lines were judged: while there are some, nobody rests."""
        self._keep_lease()
        if time.monotonic() >= self._refresh_s:
            if self.leads:
                self._name_models()
            self._indexes.refresh()
            self._refresh_s = time.monotonic() + _REFRESH_S
        if not self.leads:
            return 0
        serving = self._indexes.serving()
        judged = self._near_duplicates.judge_some(serving) if serving and serving.is_ready else 0
        if not judged and time.monotonic() >= self._upkeep_s:
            self._upkeep.run(lambda: self.leads)
            self._upkeep_s = time.monotonic() + _UPKEEP_S
        return judged

    def _keep_lease(self) -> None:
        began_s = time.monotonic()
        if began_s < self._renew_s:
            return
        with self._database.write() as transaction:
            leads = transaction.leases.acquire(LEADER, holder=self._holder, lease_ms=LEASE_MS)
        self._renew_s = began_s + _RENEW_AFTER_S
        self._leads_until_s = began_s + LEASE_MS / 1000 if leads else 0.0

    def _name_models(self) -> None:
        """The wanted model serves where none does, else it is built up to, and no other."""
        wanted = self._embedders.wanted()
        if wanted is None:
            return
        named = {model.model_id: model for model in self._indexes.models}
        others = [
            model.model_id
            for model in named.values()
            if model.state is IndexModelState.BUILDING and model.model_id != wanted.model_id
        ]
        if wanted.model_id in named and not others:
            return
        with self._database.write() as transaction:
            for model_id in others:
                transaction.index_models.forget(model_id)
            transaction.index_models.add(wanted.model_id, dimensions=wanted.dimensions)

    # --- embedding what is missing

    def _reembed(self) -> None:
        with suppress(OSError, AttributeError):  # whoever asks goes first
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while not self._closing.is_set():
            began_s, left = time.monotonic(), 0
            for follower in (self._indexes.serving(), self._indexes.building()):
                try:
                    if follower and (embedder := self._embedders.of(follower.model_id)):
                        left += self._fill(embedder)
                except VeilgateError as error:
                    _log.warning("reembedding.interrupted", error=error.code, reason=error.message)
                except Exception:  # noqa: BLE001 - whatever a model raises, the next look may do better
                    _log.exception("reembedding.failed")
            least_s = _REST_AFTER_TROUBLE_S if left else _SHORTEST_REST_S
            self._closing.wait(max(least_s, (time.monotonic() - began_s) * _REST_SHARE))

    def _fill(self, embedder: Embedder) -> int:
        """How many images are left for the next look."""
        progress = self._reembedding.fill(embedder, goes_on=lambda: self.leads)
        if progress.embedded or progress.failed:
            _log.info(
                "reembedding.done",
                model=embedder.model_id,
                embedded=progress.embedded,
                failed=progress.failed,
            )
        building = self._indexes.building()
        if (
            building
            and building.model_id == embedder.model_id
            and progress.is_whole
            and building.is_caught_up
        ):
            self._switch_to(embedder.model_id)
        return progress.left

    def _switch_to(self, model_id: str) -> None:
        failpoint("before_switch")
        with self._database.write() as transaction:
            if not transaction.leases.acquire(LEADER, holder=self._holder, lease_ms=LEASE_MS):
                return
            named = {model.model_id for model in transaction.index_models.all()}
            if model_id in named:
                transaction.index_models.switch_to(model_id)
        _log.info("search.switched", model=model_id)
