"""Re-embedding while somebody waits for it: done here, or watched where a search server does it."""

import time
from collections.abc import Callable
from uuid import uuid4

from veilgate.domain.search import IndexModelState
from veilgate.inference.ports import Embedder
from veilgate.persistence.unit_of_work import Database
from veilgate.services.finding.reembedding import Progress, Reembedding
from veilgate.services.finding.search_duties import LEADER, LEASE_MS

_POLL_S = 0.5

Tell = Callable[[str], None]


class ForegroundReembedding:
    """Ends when the wanted model has embedded everything and answers."""

    def __init__(self, database: Database, reembedding: Reembedding, embedder: Embedder) -> None:
        self._database = database
        self._reembedding = reembedding
        self._embedder = embedder
        self._holder = uuid4().hex
        self._leads_until_s = 0.0

    def run(self, tell: Tell) -> None:
        """`tell` hears how far it is."""
        while not self._is_done():
            if not self._leads():
                tell(f"a search server does it; {self._missing():,} images are missing")
                time.sleep(_POLL_S)
                continue
            self._do_it(tell)
        with self._database.write() as transaction:
            transaction.leases.release(LEADER, holder=self._holder)

    def _do_it(self, tell: Tell) -> None:
        model_id = self._embedder.model_id
        with self._database.write() as transaction:
            transaction.index_models.add(model_id, dimensions=self._embedder.dimensions)

        def tell_progress(progress: Progress) -> None:
            tell(f"{progress.looked_at:,} images looked at, {progress.embedded:,} embedded")

        progress = self._reembedding.fill(self._embedder, goes_on=self._leads, tell=tell_progress)
        if progress.is_whole:
            # With nobody who leads there is nobody who would have to catch up first.
            with self._database.write() as transaction:
                if transaction.leases.acquire(LEADER, holder=self._holder, lease_ms=LEASE_MS):
                    transaction.index_models.switch_to(model_id)

    def _is_done(self) -> bool:
        with self._database.read() as transaction:
            states = {model.model_id: model.state for model in transaction.index_models.all()}
        return states.get(self._embedder.model_id) is IndexModelState.SERVING and not self._missing()

    def _missing(self) -> int:
        with self._database.read() as transaction:
            return transaction.embedding_gaps.count_missing(self._embedder.model_id)

    def _leads(self) -> bool:
        began_s = time.monotonic()
        if began_s < self._leads_until_s - LEASE_MS / 2000:
            return True
        with self._database.write() as transaction:
            leads = transaction.leases.acquire(LEADER, holder=self._holder, lease_ms=LEASE_MS)
        self._leads_until_s = began_s + LEASE_MS / 1000 if leads else 0.0
        return leads
