"""Rows of search that nobody needs: old lines of the log, embeddings of models that were replaced."""

from collections.abc import Callable

from veilgate.domain.search import IndexModelState
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.unit_of_work import Database
from veilgate.services.finding.near_duplicates import judged_counter, rejudged_counter
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_DAY_MS = 86_400_000
# An index that was away for longer is built anew.
LOG_KEPT_MS = 7 * _DAY_MS
# Workers may embed with a model that no search server has heard of yet, and a choice may be taken back.
_UNUSED_KEPT_MS = 3_600_000
_PAGE = 500


class IndexUpkeep:
    """Every step may be repeated or cut short; `goes_on` is asked between two pages."""

    def __init__(
        self, database: Database, *, log_kept_ms: int = LOG_KEPT_MS, unused_kept_ms: int = _UNUSED_KEPT_MS
    ) -> None:
        self._database = database
        self._log_kept_ms = log_kept_ms
        self._unused_kept_ms = unused_kept_ms

    def run(self, goes_on: Callable[[], bool]) -> None:
        while goes_on() and self._prune():
            pass
        for model_id in self._unused():
            while goes_on() and self._delete_some_of(model_id):
                pass

    @again_after_deadlock
    def _prune(self) -> int:
        """What the serving model's near-duplicates are still to be judged by stays."""
        with self._database.write() as transaction:
            models = transaction.index_models.all()
            serving = [model for model in models if model.state is IndexModelState.SERVING]
            judged = [
                transaction.counters.get(counter(model.model_id))
                for model in serving
                for counter in (judged_counter, rejudged_counter)
            ]
            return transaction.embedding_gaps.prune_log(
                older_than_ms=self._log_kept_ms, up_to_seq=min(judged, default=0), limit=_PAGE
            )

    def _unused(self) -> list[str]:
        with self._database.read() as transaction:
            named = {model.model_id for model in transaction.index_models.all()}
            unused = [
                model_id
                for model_id in transaction.embedding_gaps.models_embedded_with()
                if model_id not in named
                and not transaction.embedding_gaps.was_used_within(model_id, self._unused_kept_ms)
            ]
        if unused:
            _log.info("index.embeddings_dropped", models=unused)
        return unused if named else []

    @again_after_deadlock
    def _delete_some_of(self, model_id: str) -> int:
        with self._database.write() as transaction:
            return transaction.embedding_gaps.delete_some_of(model_id, limit=_PAGE)
