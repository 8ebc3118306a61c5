"""Embeddings that shown results lack: because another model was chosen, or a worker could not make them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from veilgate.domain.errors import PictureFailed
from veilgate.inference.ports import Embedder
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.embedding_gaps import ShownResult
from veilgate.persistence.search_records import NewEmbedding
from veilgate.persistence.unit_of_work import Database
from veilgate.services.finding.embedding_trouble import EmbeddingTrouble, embed_each
from veilgate.services.finding.veiled_views import VeiledViews
from veilgate.stages.embed_picture import EmbeddedPicture, Purpose, digest_of, show_embeddings
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger
from veilgate.telemetry.metrics import EMBEDDING_REQUESTS

_log = get_logger(__name__)
# Images that a look moves along by, and pictures that are embedded and written down together.
_PAGE = 500
_BATCH = 8
_Made = tuple[ShownResult, NewEmbedding]


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one look at all images: how many it has passed, and what it has written; `left` are images that
    the next look tries again. `is_whole` when there is no image that it has not looked at, or left."""

    looked_at: int = 0
    embedded: int = 0
    failed: int = 0
    left: int = 0
    is_whole: bool = False

    @property
    def found_nothing(self) -> bool:
        return self.is_whole and not self.embedded and not self.failed


class Reembedding:
    def __init__(self, database: Database, views: VeiledViews) -> None:
        show_embeddings(Purpose.IMAGE)
        self._database = database
        self._views = views
        self._trouble = EmbeddingTrouble()

    def fill(
        self,
        embedder: Embedder,
        *,
        goes_on: Callable[[], bool],
        tell: Callable[[Progress], None] = lambda _progress: None,
    ) -> Progress:
        """Embed what the model has not, from the oldest image to the newest, while it `goes_on`.

        An image that fails keeps nobody waiting: it is left for the next look, and written down as failed
        after three. Raises when the object store or the model fails whatever it is asked for.
        """
        progress, after = Progress(), ""
        while goes_on():
            with self._database.read() as transaction:
                page = transaction.embedding_gaps.images_after(after, limit=_PAGE)
            if not page:
                return replace(progress, is_whole=not progress.left)
            progress = self._fill_page(embedder, page, after=after, progress=progress, goes_on=goes_on)
            after = page[-1]
            tell(progress)
        return progress

    def _fill_page(
        self,
        embedder: Embedder,
        page: Sequence[str],
        *,
        after: str,
        progress: Progress,
        goes_on: Callable[[], bool],
    ) -> Progress:
        embedded, failed, left = progress.embedded, progress.failed, progress.left
        while goes_on():
            with self._database.read() as transaction:
                missing = transaction.embedding_gaps.missing(
                    embedder.model_id, after=after, up_to=page[-1], limit=_BATCH
                )
            if not missing:
                break
            made, left_now = self._embed(embedder, missing, goes_on=goes_on)
            failpoint("reembedded")
            self._write(made)
            embedded += sum(new.vector is not None for _, new in made)
            failed += sum(new.vector is None for _, new in made)
            left += left_now
            after = missing[-1].image_id
        return Progress(progress.looked_at + len(page), embedded, failed, left)

    def _embed(
        self, embedder: Embedder, missing: Sequence[ShownResult], *, goes_on: Callable[[], bool]
    ) -> tuple[list[_Made], int]:
        """What is to be written, and how many images are left for the next look."""
        views: dict[str, NDArray[np.uint8]] = {}
        errors: dict[str, Exception] = {}
        for shown in missing:
            if not goes_on():
                break
            try:
                views[shown.image_id] = self._views.view_of(shown)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one stops no other
                self._views.check(error)
                errors[shown.image_id] = error
        vectors = self._vectors(embedder, {digest_of(view): view for view in views.values()})
        made = []
        for shown in missing:
            if shown.image_id in views:
                found = vectors[digest_of(views[shown.image_id])]
            elif shown.image_id in errors:
                found = errors[shown.image_id]
            else:
                break
            if new := self._made(shown, embedder.model_id, found):
                made.append((shown, new))
        return made, len(views) + len(errors) - len(made)

    def _vectors(
        self, embedder: Embedder, views: Mapping[str, NDArray[np.uint8]]
    ) -> dict[str, EmbeddedPicture | Exception]:
        with self._database.read() as transaction:
            known = transaction.embeddings.known(list(views), model_id=embedder.model_id)
        new = [digest for digest in views if digest not in known]
        EMBEDDING_REQUESTS.labels(Purpose.IMAGE, "known").inc(len(known))
        made = embed_each(embedder, [views[digest] for digest in new])
        return {
            **{digest: EmbeddedPicture(embedder.model_id, digest, row) for digest, row in known.items()},
            **dict(zip(new, made, strict=True)),
        }

    def _made(
        self, shown: ShownResult, model_id: str, found: EmbeddedPicture | Exception
    ) -> NewEmbedding | None:
        """None for what the next look tries again."""
        if isinstance(found, EmbeddedPicture):
            self._trouble.is_over(shown.image_id, model_id)
            return _success(shown, found)
        if isinstance(found, PictureFailed):
            _log.warning("reembedding.failed", image_id=shown.image_id, error=found.code)
            return _failure(shown, model_id, f"{found.code}: {found.message}")
        if self._trouble.is_given_up(shown.image_id, model_id, found):
            return _failure(shown, model_id, f"{type(found).__name__}: {found}")
        return None

    @again_after_deadlock
    def _write(self, made: Sequence[_Made]) -> None:
        """Of those that still show the result that was embedded."""
        if not made:
            return
        with self._database.write() as transaction:
            shown_now = transaction.embedding_gaps.hold_shown([shown.image_id for shown, _ in made])
            transaction.embeddings.put(
                [new for shown, new in made if shown_now.get(shown.image_id) == shown.job_id]
            )


def _success(shown: ShownResult, one: EmbeddedPicture) -> NewEmbedding:
    return NewEmbedding(
        shown.image_id, shown.owner_id, one.model_id, one.picture_sha256, one.vector, one.failure
    )


def _failure(shown: ShownResult, model_id: str, reason: str) -> NewEmbedding:
    return NewEmbedding(shown.image_id, shown.owner_id, model_id, "", None, reason[:255])
