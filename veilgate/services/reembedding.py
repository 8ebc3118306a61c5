"""Embeddings that shown results lack: because another model was chosen, or a worker could not make them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from veilgate.domain.errors import PictureFailed
from veilgate.inference.ports import Embedder
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.embedding_gaps import ShownResult
from veilgate.persistence.search_records import NewEmbedding
from veilgate.persistence.unit_of_work import Database
from veilgate.services.veiled_views import VeiledViews
from veilgate.stages.embed_picture import EmbeddedPicture, digest_of, embed_views
from veilgate.telemetry.failpoints import failpoint
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
# Images that a look moves along by, and pictures that are embedded and written down together.
_PAGE = 500
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one look at all images: how many it has passed, and what it has written. `is_whole` when there is
    no image that it has not looked at."""

    looked_at: int = 0
    embedded: int = 0
    failed: int = 0
    is_whole: bool = False

    @property
    def found_nothing(self) -> bool:
        return self.is_whole and not self.embedded and not self.failed


class Reembedding:
    def __init__(self, database: Database, views: VeiledViews) -> None:
        self._database = database
        self._views = views

    def fill(
        self,
        embedder: Embedder,
        *,
        goes_on: Callable[[], bool],
        tell: Callable[[Progress], None] = lambda _progress: None,
    ) -> Progress:
        """Embed what the model has not, from the oldest image to the newest, while it `goes_on`."""
        progress, after = Progress(), ""
        while goes_on():
            with self._database.read() as transaction:
                page = transaction.embedding_gaps.images_after(after, limit=_PAGE)
            if not page:
                return Progress(progress.looked_at, progress.embedded, progress.failed, is_whole=True)
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
        embedded, failed = progress.embedded, progress.failed
        while goes_on():
            with self._database.read() as transaction:
                missing = transaction.embedding_gaps.missing(
                    embedder.model_id, after=after, up_to=page[-1], limit=_BATCH
                )
            if not missing:
                break
            made = self._embed(embedder, missing, goes_on=goes_on)
            failpoint("reembedded")
            self._write(made)
            embedded += sum(new.vector is not None for _, new in made)
            failed += sum(new.vector is None for _, new in made)
            after = missing[-1].image_id
        return Progress(progress.looked_at + len(page), embedded, failed)

    def _embed(
        self, embedder: Embedder, missing: Sequence[ShownResult], *, goes_on: Callable[[], bool]
    ) -> list[tuple[ShownResult, NewEmbedding]]:
        views, made = {}, []
        for shown in missing:
            if not goes_on():
                break
            try:
                views[shown.image_id] = self._views.view_of(shown)
            except PictureFailed as error:
                _log.warning("reembedding.failed", image_id=shown.image_id, error=error.code)
                made.append((shown, _failure(shown, embedder.model_id, error)))
        by_digest = {digest_of(view): view for view in views.values()}
        with self._database.read() as transaction:
            known = transaction.embeddings.known(list(by_digest), model_id=embedder.model_id)
        vectors = {digest: EmbeddedPicture(embedder.model_id, digest, row) for digest, row in known.items()}
        new = [view for digest, view in by_digest.items() if digest not in known]
        vectors |= {one.picture_sha256: one for one in embed_views(embedder, new)}
        made += [
            (shown, _success(shown, vectors[digest_of(views[shown.image_id])]))
            for shown in missing
            if shown.image_id in views
        ]
        return made

    @again_after_deadlock
    def _write(self, made: Sequence[tuple[ShownResult, NewEmbedding]]) -> None:
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


def _failure(shown: ShownResult, model_id: str, error: PictureFailed) -> NewEmbedding:
    return NewEmbedding(
        shown.image_id, shown.owner_id, model_id, "", None, f"{error.code}: {error.message}"[:255]
    )
