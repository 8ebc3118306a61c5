"""Rows of embeddings and of the log that an index follows, as values."""

from dataclasses import dataclass

from veilgate.domain.search import IndexModelState, IndexOperation


@dataclass(frozen=True, slots=True)
class NewEmbedding:
    """`vector` is float32, little-endian, of length one; None says that the model cannot embed this picture,
    and `failure` why."""

    image_id: str
    owner_id: str
    model_id: str
    picture_sha256: str
    vector: bytes | None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingRecord:
    image_id: str
    owner_id: str
    seq: int
    vector: bytes


@dataclass(frozen=True, slots=True)
class LogEntry:
    """`vector` is that of the embedding as it stands now: None when it is gone, or was never one."""

    seq: int
    operation: IndexOperation
    image_id: str
    owner_id: str
    vector: bytes | None


@dataclass(frozen=True, slots=True)
class IndexModel:
    """`changed_at_ms`: when it was named. Whoever names it again after it was replaced names another: what
    became of its embeddings between the two is in no log."""

    model_id: str
    dimensions: int
    state: IndexModelState
    changed_at_ms: int
