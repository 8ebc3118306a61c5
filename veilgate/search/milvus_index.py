"""The index in a Milvus server, which several search servers may share."""

from collections.abc import Iterable, Iterator, Sequence

from veilgate.domain.search import Exactness, IndexOperation
from veilgate.search.approximation import depth_for
from veilgate.search.identifiers import pack
from veilgate.search.milvus_collection import MilvusCollection, MilvusRow, conditions, open_collection
from veilgate.search.ports import Answer, Hit, IndexEntry, VectorQuery
from veilgate.search.ranking import has_direction

# Rows that go to the server in one call: 1 MB of vectors with 512 dimensions.
_WRITTEN_TOGETHER = 500
# Scores that differ by less are the same: the server's float32 sums depend on where a row lies.
_SAME_SCORE_DIGITS = 6


class MilvusIndex:
    """A `VectorIndex` (see ports). Milvus has all that was acknowledged, so that `save` has nothing to do.

    How far the log was carried out is a row of the collection itself, written after the rows that it speaks
    of. Several servers may carry out the same lines: the end is the same.
    """

    def __init__(self, collection: MilvusCollection, *, model_id: str, dimensions: int) -> None:
        self.model_id = model_id
        self.dimensions = dimensions
        self._collection = collection
        self._seq = collection.applied_seq()

    @property
    def seq(self) -> int:
        return self._seq

    @property
    def size(self) -> int:
        return self._collection.count("")

    def build(self, entries: Iterable[IndexEntry], *, seq: int) -> None:
        """Write all, then remove what is not among it, so that what is there answers meanwhile."""
        known: set[str] = set()
        for chunk in _chunks(entries, _WRITTEN_TOGETHER):
            self._carry_out(chunk)
            known.update(entry.image_id for entry in chunk)
        stale = [image_id for image_id in self._collection.image_ids() if image_id not in known]
        self._collection.remove(stale, up_to_seq=seq)
        self._mark(seq)

    def apply(self, entries: Sequence[IndexEntry]) -> None:
        fresh = [entry for entry in entries if entry.seq > self._seq]
        for chunk in _chunks(fresh, _WRITTEN_TOGETHER):
            self._carry_out(chunk)
            self._mark(chunk[-1].seq)

    def search(self, queries: Sequence[VectorQuery]) -> list[Answer]:
        for query in queries:
            self._check_dimensions(query.vector.shape)
        return [self._answer(query) for query in queries]

    def save(self) -> None:
        """Nothing is kept here."""

    @property
    def has_leavings(self) -> bool:
        return False

    def close(self) -> None:
        self._collection.close()

    def _carry_out(self, lines: Sequence[IndexEntry]) -> None:
        """The last line of each image says how it ends."""
        for line in lines:
            pack(line.image_id)
            if line.vector is not None:
                self._check_dimensions(line.vector.shape)
        last = {line.image_id: line for line in lines if line.operation is not IndexOperation.JUDGE}
        added = [
            MilvusRow(line.image_id, line.owner_id, line.seq, line.vector)
            for line in last.values()
            if line.operation is IndexOperation.ADD and line.vector is not None and has_direction(line.vector)
        ]
        gone = last.keys() - {row.image_id for row in added}
        if gone:
            self._collection.remove(sorted(gone), up_to_seq=lines[-1].seq)
        if added:
            self._collection.put(added)

    def _mark(self, seq: int) -> None:
        self._collection.mark_applied(seq)
        self._seq = seq

    def _answer(self, query: VectorQuery) -> Answer:
        hits: list[Hit] = []
        candidates = 0
        if not has_direction(query.vector):
            return Answer((), Exactness.EXACT, 0)
        for condition in conditions(query.owner_id, query.among, below_seq=query.below_seq):
            count = self._collection.count(condition)
            candidates += count
            hits += self._collection.nearest(
                query.vector, condition, depth=depth_for(query.k), at_least=min(query.k, count)
            )
        hits.sort(key=lambda hit: (-round(hit.score, _SAME_SCORE_DIGITS), hit.seq))
        # It does not tell how it searched.
        return Answer(tuple(hits[: query.k]), Exactness.APPROXIMATE, candidates)

    def _check_dimensions(self, shape: tuple[int, ...]) -> None:
        if shape != (self.dimensions,):
            raise ValueError(f"{self.model_id} has {self.dimensions} dimensions; these are {shape}")


def _chunks(entries: Iterable[IndexEntry], size: int) -> Iterator[list[IndexEntry]]:
    chunk: list[IndexEntry] = []
    for entry in entries:
        chunk.append(entry)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def open_milvus_index(
    uri: str, token: str, *, model_id: str, dimensions: int, named_at_ms: int = 0
) -> MilvusIndex:
    """The index of a model in this Milvus since it was named. Raises `ConfigurationError` without pymilvus,
    `SearchUnavailable` where nobody answers."""
    kept_as = f"{model_id}-{named_at_ms}"
    collection = open_collection(uri, token, model_id=kept_as, dimensions=dimensions)
    return MilvusIndex(collection, model_id=model_id, dimensions=dimensions)
