"""What the search server answers with: likest images, embedded pictures and texts, related words."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.errors import IndexNotReady
from veilgate.domain.pictures import PictureLimits
from veilgate.domain.rejections import EmptyFile, InvalidOption, NoTextModel
from veilgate.imaging.likeness import likeness_view
from veilgate.imaging.picture import Picture
from veilgate.imaging.sniff import inspect_picture
from veilgate.inference.ports import Embedder, TextEmbedder
from veilgate.search.micro_batches import MicroBatches
from veilgate.search.ports import VectorQuery
from veilgate.search.wire import EmbeddedQuery, ModelMismatch, RelatedWords, SearchAnswer, SearchRequest
from veilgate.services.finding.embedders import Embedders
from veilgate.services.finding.followed_indexes import FollowedIndexes
from veilgate.services.finding.index_follower import IndexFollower
from veilgate.services.finding.related_words import RelatedWordsFinder
from veilgate.stages.embed_picture import Purpose, embed_views, failures_counted, show_embeddings
from veilgate.telemetry.metrics import EMBEDDING_REQUESTS, EMBEDDING_SECONDS
from veilgate.telemetry.usable_cores import usable_cores

Asked = TypeVar("Asked")
Made = TypeVar("Made")
_SEARCH_THREADS = max(2, usable_cores())
_EMBED_THREADS = 2
# What is shorter or longer has scores that are no cosines.
_LENGTH_TOLERANCE = 1e-3
_NO_MODEL = "The model that answers is not on the search server's machine."


class SearchAnswers:
    """Called on one event loop, which is never kept waiting: what takes time has threads of its own.

    `decode` as that of a `DecodePool`; query pictures are held to the same `limits` as uploads.
    """

    def __init__(
        self,
        indexes: FollowedIndexes,
        embedders: Embedders,
        words: RelatedWordsFinder,
        *,
        decode: Callable[[bytes], Picture],
        limits: PictureLimits,
    ) -> None:
        show_embeddings(Purpose.QUERY, Purpose.TEXT)
        self._indexes = indexes
        self._embedders = embedders
        self._words = words
        self._decode = decode
        self._limits = limits
        self._batches: dict[str, tuple[IndexFollower, MicroBatches]] = {}
        self._searching = ThreadPoolExecutor(_SEARCH_THREADS, "search")
        self._embedding = ThreadPoolExecutor(_EMBED_THREADS, "embed")
        # Of its own: pictures take long, and words are asked for while somebody types.
        self._relating = ThreadPoolExecutor(1, "relate")

    async def search(self, request: SearchRequest) -> SearchAnswer:
        """Raises `ModelMismatch` or `IndexNotReady`."""
        follower = self._indexes.of(request.model_id)
        if follower is None:
            raise ModelMismatch(f"No index of {request.model_id} is held here.")
        vector = np.frombuffer(request.vector, "<f4")
        if vector.size != follower.dimensions:
            raise ModelMismatch(f"{request.model_id} has {follower.dimensions} dimensions.")
        # Not of one that has no length either, as with numbers that are not finite.
        if not abs(np.linalg.norm(vector.astype(np.float64)) - 1) <= _LENGTH_TOLERANCE:
            raise InvalidOption("vector: finite numbers and a length of one are needed.")
        seq = follower.seq
        among = None if request.among is None else frozenset(request.among)
        answer = await self._batches_of(follower).ask(
            VectorQuery(request.owner_id, vector, k=request.k, among=among)
        )
        return SearchAnswer(request.model_id, answer.hits, answer.exactness, answer.candidates, seq)

    async def embed(self, picture: bytes) -> EmbeddedQuery:
        """Raises what an upload of this picture would be refused with, or would fail with."""
        return await _in_thread(self._embedding, self._embed, picture)

    async def embed_text(self, text: str) -> EmbeddedQuery:
        """Raises `NoTextModel`."""
        return await _in_thread(self._embedding, self._embed_text, text)

    async def related(self, owner_id: str, words: Sequence[str]) -> RelatedWords:
        return await _in_thread(self._relating, partial(self._words.related, owner_id), words)

    def rebuild(self) -> None:
        """Every index, soon."""
        self._indexes.rebuild()

    def check_ready(self) -> None:
        """Raises `IndexNotReady` unless the model that serves can be asked."""
        serving = self._indexes.serving()
        if serving is None or not serving.is_ready:
            raise IndexNotReady

    def health(self) -> dict[str, Any]:
        serving = self._indexes.serving()
        is_ready = serving is not None and serving.is_ready
        return {"status": "ok" if is_ready else "building", "indexes": self._indexes.facts()}

    def close(self) -> None:
        for executor in (self._searching, self._embedding, self._relating):
            executor.shutdown(wait=True, cancel_futures=True)

    def _batches_of(self, follower: IndexFollower) -> MicroBatches:
        kept = self._batches.get(follower.model_id)
        if kept is None or kept[0] is not follower:
            batches = MicroBatches(follower.search, self._searching, at_a_time=_SEARCH_THREADS)
            kept = self._batches[follower.model_id] = (follower, batches)
        return kept[1]

    def _serving_embedder(self) -> Embedder:
        serving = self._indexes.serving()
        if serving is None:
            raise IndexNotReady
        embedder = self._embedders.of(serving.model_id)
        if embedder is None:
            raise IndexNotReady(_NO_MODEL)
        return embedder

    def _embed(self, picture: bytes) -> EmbeddedQuery:
        embedder = self._serving_embedder()
        if not picture:
            raise EmptyFile
        inspect_picture(picture, self._limits)
        decoded = self._decode(picture)
        view = likeness_view(decoded.pixels, alpha=decoded.alpha)
        with failures_counted(Purpose.QUERY):
            [made] = embed_views(embedder, [view], Purpose.QUERY)
        if made.vector is None:
            raise InvalidOption("The model makes nothing of this picture.")
        return EmbeddedQuery(made.model_id, made.vector, made.picture_sha256)

    def _embed_text(self, text: str) -> EmbeddedQuery:
        embedder = self._serving_embedder()
        if not isinstance(embedder, TextEmbedder):
            raise NoTextModel
        with failures_counted(Purpose.TEXT), EMBEDDING_SECONDS.labels(Purpose.TEXT).time():
            rows: NDArray[np.float32] = embedder.embed_texts([text])
        EMBEDDING_REQUESTS.labels(Purpose.TEXT, "made").inc()
        return EmbeddedQuery(embedder.model_id, rows[0].astype("<f4").tobytes())


async def _in_thread(executor: Executor, function: Callable[[Asked], Made], argument: Asked) -> Made:
    return await asyncio.get_running_loop().run_in_executor(executor, function, argument)
