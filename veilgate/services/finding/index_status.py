"""What the database says of embeddings, and what search servers say of themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from veilgate.domain.errors import QueueUnavailable
from veilgate.domain.search import IndexModelState
from veilgate.persistence.unit_of_work import Database
from veilgate.services.finding.near_duplicates import judged_counter, rejudged_counter

Present = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """`missing` images show a result that the model has not looked at."""

    model_id: str
    state: IndexModelState
    dimensions: int
    changed_at_ms: int
    vectors: int
    failures: int
    missing: int
    judged_to: int


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """`servers` is None when Redis, where they report, could not be asked."""

    log_seq: int
    oldest_seq: int | None
    models: tuple[ModelStatus, ...]
    servers: list[dict[str, Any]] | None


def index_status(database: Database, look_for_servers: Callable[[], Present]) -> IndexStatus:
    with database.read() as transaction:
        models = []
        for model in transaction.index_models.all():
            counts = transaction.embedding_gaps.counts(model.model_id)
            models.append(
                ModelStatus(
                    model.model_id,
                    model.state,
                    model.dimensions,
                    model.changed_at_ms,
                    counts.vectors,
                    counts.failures,
                    transaction.embedding_gaps.count_missing(model.model_id),
                    min(
                        transaction.counters.get(counter(model.model_id))
                        for counter in (judged_counter, rejudged_counter)
                    ),
                )
            )
        log_seq, oldest = transaction.embeddings.last_seq(), transaction.embeddings.oldest_logged()
    try:
        servers = look_for_servers()["search"]
    except QueueUnavailable:
        servers = None
    return IndexStatus(log_seq, oldest, tuple(models), servers)
