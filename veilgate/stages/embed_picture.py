"""Embeds the veiled picture, so that its likes are found."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.errors import Unavailable
from veilgate.domain.outcomes import Outcome
from veilgate.imaging.likeness import LONGEST_SIDE_PX
from veilgate.inference.ports import Embedder
from veilgate.stages.blur_regions import VeiledPicture
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.stages.find_vehicles import MODEL_MISSING
from veilgate.telemetry.metrics import EMBEDDING_REQUESTS, EMBEDDING_SECONDS, from_zero


class Purpose(StrEnum):
    """Whom an embedding is for, as Prometheus is told."""

    IMAGE = "image"
    QUERY = "query"
    TEXT = "text"


# Of the digests given, the vectors that the model of this id has made before. May raise `Unavailable`.
KnownVectors = Callable[[Sequence[str], str], Mapping[str, bytes]]

_NO_VECTOR = "the model makes nothing of this picture"


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """What a model makes of the mosaic-veiled picture: float32, little-endian, of length one. Without a
    vector the model cannot embed this picture, for the reason given."""

    model_id: str
    picture_sha256: str
    vector: bytes | None
    failure: str | None = None


def show_embeddings(*purposes: Purpose) -> None:
    """Before the first one."""
    from_zero(EMBEDDING_REQUESTS, purposes, ["made", "known", "failed"])
    from_zero(EMBEDDING_SECONDS, purposes)


@contextlib.contextmanager
def failures_counted(purpose: Purpose, *, among: int = 1) -> Iterator[None]:
    """What was to be embedded and raised: of several the guilty one is looked for, and counts when it is
    alone."""
    try:
        yield
    except Exception:
        if among == 1:
            EMBEDDING_REQUESTS.labels(purpose, "failed").inc()
        raise


class EmbedPicture:
    """`embedder` is asked for each chunk, because the model may arrive while the worker runs."""

    name = "embed_picture"
    # Work for the processor, but in chunks: their pictures share one question to the database.
    runs_on = RunsOn.DEVICE

    def __init__(self, embedder: Callable[[], Embedder | None], known: KnownVectors) -> None:
        show_embeddings(Purpose.IMAGE)
        self._embedder = embedder
        self._known = known

    def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:  # noqa: ARG002 - views share chunks
        return LONGEST_SIDE_PX, LONGEST_SIDE_PX

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        embedder = self._embedder()
        if embedder is None:
            return [Outcome.skipped(MODEL_MISSING) for _ in works]
        views = [work[VeiledPicture].view for work in works]
        digests = [digest_of(view) for view in views]
        made = self._made_before(digests, embedder.model_id)
        new = {digest: view for digest, view in zip(digests, views, strict=True) if digest not in made}
        with failures_counted(Purpose.IMAGE, among=len(works)):
            made |= {one.picture_sha256: one for one in embed_views(embedder, list(new.values()))}
        EMBEDDING_REQUESTS.labels(Purpose.IMAGE, "known").inc(len(works) - len(new))
        return [_outcome(made[digest], embedder) for digest in digests]

    def _made_before(self, digests: Sequence[str], model_id: str) -> dict[str, EmbeddedPicture]:
        try:
            vectors = self._known(digests, model_id)
        except Unavailable:
            return {}
        return {digest: EmbeddedPicture(model_id, digest, vector) for digest, vector in vectors.items()}


def embed_views(
    embedder: Embedder, views: Sequence[NDArray[np.uint8]], purpose: Purpose = Purpose.IMAGE
) -> list[EmbeddedPicture]:
    """What the embedder makes of each view (imaging/likeness.py). What it raises is the caller's to count."""
    if not views:
        return []
    began_s = time.monotonic()
    rows = embedder.embed(views)
    share_s = (time.monotonic() - began_s) / len(views)
    made = [_embedded(embedder.model_id, *one) for one in zip(views, rows, strict=True)]
    for one in made:
        EMBEDDING_REQUESTS.labels(purpose, "failed" if one.vector is None else "made").inc()
        EMBEDDING_SECONDS.labels(purpose).observe(share_s)
    return made


def digest_of(view: NDArray[np.uint8]) -> str:
    """Equal for equal pixels: what `picture_sha256` of an embedding is."""
    digest = hashlib.sha256(repr(view.shape).encode())
    digest.update(np.ascontiguousarray(view).data)
    return digest.hexdigest()


def _embedded(model_id: str, view: NDArray[np.uint8], row: NDArray[np.float32]) -> EmbeddedPicture:
    if not np.isfinite(row).all() or not row.any():
        return EmbeddedPicture(model_id, digest_of(view), None, _NO_VECTOR)
    return EmbeddedPicture(model_id, digest_of(view), row.astype("<f4").tobytes())


def _outcome(made: EmbeddedPicture, embedder: Embedder) -> Outcome:
    report: dict[str, object] = {"dimensions": embedder.dimensions}
    if made.failure is not None:
        report["reason"] = made.failure
    return Outcome.produced(made, report, model=embedder.model_id)
