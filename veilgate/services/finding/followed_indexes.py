"""The indexes of the models that the database names: the one that serves, and the one that is built up to."""

import time
from typing import Any

from veilgate.domain.search import IndexModelState
from veilgate.persistence.search_records import IndexModel
from veilgate.persistence.unit_of_work import Database
from veilgate.search.ports import VectorIndex
from veilgate.search.shelf import IndexShelf
from veilgate.services.finding.index_follower import FollowerTiming, IndexFollower
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.readings import INDEX_LAG, INDEX_LAG_SECONDS, INDEX_SIZE, Value

_log = get_logger(__name__)
# Whoever was told of a model a moment ago may still ask for it.
_KEPT_AFTER_SWITCH_S = 60.0


class FollowedIndexes:
    """`refresh` and `close` are one thread's; the rest may be asked by any."""

    def __init__(
        self,
        database: Database,
        shelf: IndexShelf,
        *,
        timing: FollowerTiming | None = None,
        kept_after_switch_s: float = _KEPT_AFTER_SWITCH_S,
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._timing = timing
        self._kept_after_switch_s = kept_after_switch_s
        self._models: tuple[IndexModel, ...] = ()
        self._followers: dict[str, IndexFollower] = {}
        self._gone_since_s: dict[str, float] = {}

    @property
    def models(self) -> tuple[IndexModel, ...]:
        """As the database named them last."""
        return self._models

    def serving(self) -> IndexFollower | None:
        return self._in_state(IndexModelState.SERVING)

    def building(self) -> IndexFollower | None:
        return self._in_state(IndexModelState.BUILDING)

    def of(self, model_id: str) -> IndexFollower | None:
        """That of any model that is followed, or was until a moment ago."""
        return self._followers.get(model_id)

    def refresh(self) -> None:
        """Follow what the database names from now on, and what it does not name a while longer."""
        with self._database.read() as transaction:
            models = tuple(transaction.index_models.all())
        for model in models:
            kept = self._followers.get(model.model_id)
            if kept and kept.named_at_ms == model.changed_at_ms:
                continue
            if kept:  # it was replaced and is named again
                kept.close()
            follower = IndexFollower(self._database, model, open_index=self._open, timing=self._timing)
            self._followers = {**self._followers, model.model_id: follower}
            follower.start()
        self._models = models
        self._let_go()

    def facts(self) -> list[dict[str, Any]]:
        states = {model.model_id: model.state for model in self._models}
        return [
            {**follower.facts(), "role": states.get(model_id, "replaced")}
            for model_id, follower in self._followers.items()
        ]

    def numbers(self) -> list[Value]:
        """For Prometheus, of the index that serves; nothing while none is named."""
        serving = self.serving()
        if serving is None:
            return []
        facts = serving.facts()
        return [
            INDEX_SIZE.at(facts["size"]),
            INDEX_LAG.at(facts["behind"]),
            INDEX_LAG_SECONDS.at(facts["lag_s"]),
        ]

    def rebuild(self) -> None:
        for follower in self._followers.values():
            follower.rebuild()

    def close(self) -> None:
        for follower in self._followers.values():
            follower.close()

    def _in_state(self, state: IndexModelState) -> IndexFollower | None:
        named = next((model for model in self._models if model.state is state), None)
        return self._followers.get(named.model_id) if named else None

    def _open(self, model: IndexModel) -> VectorIndex:
        return self._shelf.open(model.model_id, dimensions=model.dimensions, named_at_ms=model.changed_at_ms)

    def _let_go(self) -> None:
        named = {model.model_id for model in self._models}
        gone = self._followers.keys() - named
        self._gone_since_s = {
            model_id: self._gone_since_s.get(model_id, time.monotonic()) for model_id in gone
        }
        over = [
            model_id
            for model_id, since_s in self._gone_since_s.items()
            if time.monotonic() - since_s >= self._kept_after_switch_s
        ]
        for model_id in over:
            follower = self._followers[model_id]
            self._followers = {key: one for key, one in self._followers.items() if key != model_id}
            follower.close()
            _log.info("index.let_go", model=model_id)
        if self._models:
            kept = [(follower.model_id, follower.named_at_ms) for follower in self._followers.values()]
            self._shelf.keep_only(kept)
