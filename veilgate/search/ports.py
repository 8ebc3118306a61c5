"""What the house asks of a vector index."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.search import Exactness, Hit, IndexOperation

__all__ = ["Answer", "Hit", "IndexEntry", "Vector", "VectorIndex", "VectorQuery"]

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One line of the log. An addition without a vector is of an embedding that is gone again, or of a
    picture that cannot be embedded: there is nothing to find."""

    seq: int
    operation: IndexOperation
    image_id: str
    owner_id: str
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """The `k` likest images of one owner; only those of `among`, and those added before `below_seq`, if
    given."""

    owner_id: str
    vector: Vector
    k: int
    among: frozenset[str] | None = None
    below_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Best first; of equal scores the earlier `seq` first. `candidates`: how many images could be hits."""

    hits: tuple[Hit, ...]
    exactness: Exactness
    candidates: int


class VectorIndex(Protocol):
    """The embeddings of one model. One thread writes, any number may search meanwhile."""

    @property
    def model_id(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def seq(self) -> int:
        """Everything up to this line of the log is in it; 0 for an index that is to be built first."""
        ...

    @property
    def size(self) -> int:
        """How many images can be found."""
        ...

    def build(self, entries: Iterable[IndexEntry], *, seq: int) -> None:
        """Begin anew with these additions, which are all there is up to line `seq`."""
        ...

    def apply(self, entries: Sequence[IndexEntry]) -> None:
        """Carry out further lines, in order. A line that was carried out before changes nothing; an image
        that is added again gets the new vector. Raises `ValueError` for a vector of other dimensions."""
        ...

    def search(self, queries: Sequence[VectorQuery]) -> list[Answer]: ...

    def save(self) -> None:
        """Make durable what has been carried out so far; a kill before leaves the earlier state."""
        ...

    @property
    def has_leavings(self) -> bool:
        """Whether a `save` would remove something, though nothing was carried out since the last one."""
        ...

    def close(self) -> None: ...
