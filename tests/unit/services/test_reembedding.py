"""Embeddings that shown results lack: made from stored copies, and only for what is still shown."""

import io
import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import text

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.errors import ObjectStoreUnavailable
from veilgate.domain.ids import new_id
from veilgate.domain.pictures import PictureLimits
from veilgate.imaging.decode import decode_picture
from veilgate.imaging.likeness import likeness_view
from veilgate.imaging.picture import Picture
from veilgate.inference.embedders.descriptor import Descriptor
from veilgate.persistence.search_records import NewEmbedding
from veilgate.services.finding.reembedding import Progress, Reembedding
from veilgate.services.finding.veiled_views import VeiledViews
from veilgate.storage.local import LocalObjectStore

MODEL = Descriptor().model_id
BLUR: dict[str, object] = {"style": "mosaic", "shape": "ellipse", "regions": [], "extra_regions": []}


def decode(data: bytes) -> Picture:
    return decode_picture(data, PictureLimits())


def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8).repeat(20, 0).repeat(20, 1)
    spool = io.BytesIO()
    Image.fromarray(pixels).save(spool, "JPEG", quality=90)
    return spool.getvalue()


class Gallery:
    """Images that show results, with their copies in a folder."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.store = LocalObjectStore(shelf.folder / "objects")

    def show(self, copy: bytes, *, job_id: str | None = None, **blur: object) -> str:
        image_id = new_id()
        self.shelf.add(image_id)
        key = f"results/{image_id}/1/"
        self.store.put(f"{key}processed.jpg", copy, media_type="image/jpeg")
        results = json.dumps({"blur_metadata": {**BLUR, **blur}})
        self.shelf.change(image_id, status="completed", result_key=key, results=results)
        self.point(image_id, job_id or image_id)
        return image_id

    def point(self, image_id: str, job_id: str) -> None:
        with self.shelf.database.write() as transaction:
            transaction.connection.execute(
                text("UPDATE processed_images SET current_job_id = :job WHERE id = :id"),
                {"job": job_id, "id": image_id},
            )

    def fill(
        self, *, decode: Callable[[bytes], Picture] = decode, goes_on: Callable[[], bool] = lambda: True
    ) -> Progress:
        reembedding = Reembedding(self.shelf.database, VeiledViews(self.store, decode))
        return reembedding.fill(Descriptor(), goes_on=goes_on)

    def vector(self, image_id: str) -> NDArray[np.float32] | None:
        with self.shelf.database.read() as transaction:
            found = transaction.embeddings.vector(image_id, model_id=MODEL, owner_id=OWNER)
        return None if found is None else np.frombuffer(found, "<f4")


@pytest.fixture
def gallery(shelf: Shelf) -> Gallery:
    return Gallery(shelf)


def test_what_is_missing_is_embedded_from_the_copies(gallery: Gallery) -> None:
    copies = [jpeg(seed) for seed in range(11)]
    ids = [gallery.show(copy) for copy in copies]
    waiting = new_id()
    gallery.shelf.add(waiting)
    assert gallery.fill() == Progress(looked_at=12, embedded=11, failed=0, is_whole=True)
    for image_id, copy in zip(ids, copies, strict=True):
        wanted = Descriptor().embed([likeness_view(decode(copy).pixels)])[0]
        vector = gallery.vector(image_id)
        assert vector is not None
        assert vector == pytest.approx(wanted, abs=1e-6)
    assert gallery.vector(waiting) is None
    assert gallery.fill().found_nothing
    with gallery.shelf.database.read() as transaction:
        assert transaction.embedding_gaps.count_missing(MODEL) == 0
        lines = transaction.embeddings.log_after(0, model_id=MODEL, limit=100)
    assert [line.image_id for line in lines] == ids, "from the oldest to the newest"


def test_what_cannot_be_embedded_is_tried_once(gallery: Gallery) -> None:
    damaged, gone = gallery.show(b"no picture"), gallery.show(jpeg(1))
    gallery.store.delete([f"results/{gone}/1/processed.jpg"])
    assert gallery.fill() == Progress(looked_at=2, embedded=0, failed=2, is_whole=True)
    rows = gallery.shelf.rows("SELECT image_id, vector, failure FROM embeddings ORDER BY image_id")
    assert [(row["image_id"], row["vector"]) for row in rows] == [(damaged, None), (gone, None)]
    assert all(row["failure"].startswith("undecodable: ") for row in rows)
    assert gallery.fill().found_nothing


def test_a_result_that_is_replaced_meanwhile_is_left_alone(gallery: Gallery) -> None:
    """Its worker has embedded the newer one."""
    image_id, other = gallery.show(jpeg(1)), gallery.show(jpeg(2))
    newer = np.zeros(Descriptor().dimensions, np.float32)
    newer[0] = 1

    def replacing(data: bytes) -> Picture:
        if data == jpeg(1):
            gallery.point(image_id, new_id())
            with gallery.shelf.database.write() as transaction:
                transaction.embeddings.put([NewEmbedding(image_id, OWNER, MODEL, "", newer.tobytes())])
        return decode(data)

    gallery.fill(decode=replacing)
    vector = gallery.vector(image_id)
    assert vector is not None
    assert vector[0] == 1
    assert gallery.vector(other) is not None


def test_other_styles_are_covered_with_mosaic(gallery: Gallery) -> None:
    """So that one picture in two styles is found as one, as far as its copies allow."""
    pixels = np.array(Image.open(io.BytesIO(jpeg(3))).convert("RGB"))
    smooth = pixels.copy()
    smooth[20:100, 40:120] = np.linspace(0, 255, 80, dtype=np.uint8)[None, :, None]
    spool = io.BytesIO()
    Image.fromarray(smooth).save(spool, "JPEG", quality=95)
    region = [40.0, 20.0, 120.0, 100.0]
    plain = gallery.show(spool.getvalue())
    covered = gallery.show(spool.getvalue(), style="gaussian", shape="box", regions=[region])
    drawn = gallery.show(spool.getvalue(), style="gaussian", extra_regions=[region])
    gallery.fill()
    one, other, third = (gallery.vector(image_id) for image_id in (plain, covered, drawn))
    assert one is not None
    assert other is not None
    assert third is not None
    assert other == pytest.approx(third, abs=1e-6)
    assert np.abs(one - other).max() > 1e-3


def test_it_ends_when_it_is_asked_to(gallery: Gallery) -> None:
    for seed in range(3):
        gallery.show(jpeg(seed))
    asked: list[bytes] = []

    def counting(data: bytes) -> Picture:
        asked.append(data)
        return decode(data)

    progress = gallery.fill(decode=counting, goes_on=lambda: not asked)
    assert len(asked) == 1
    assert not progress.is_whole
    assert progress.embedded <= 1


class Fussy(Descriptor):
    """Makes nothing of wide views, and with `is_broken` of none."""

    is_broken = False

    def embed(self, views: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        if self.is_broken or any(view.shape[1] > view.shape[0] * 2 for view in views):
            raise RuntimeError("Non-zero status code")
        return super().embed(views)


def test_one_that_fails_keeps_nobody_waiting_and_is_given_up(sqlite_shelf: Shelf) -> None:
    """Whether its copy cannot be read, its result is odd or the model raises."""
    gallery = Gallery(sqlite_shelf)
    unreadable = gallery.show(jpeg(1))
    path = gallery.shelf.folder / "objects" / "results" / unreadable / "1" / "processed.jpg"
    path.unlink()
    path.mkdir()
    odd, wide = gallery.show(jpeg(2), style="no such style", shape="star"), gallery.show(wide_jpeg())
    good = [gallery.show(jpeg(seed)) for seed in (3, 4)]
    reembedding = Reembedding(gallery.shelf.database, VeiledViews(gallery.store, decode))

    def look() -> Progress:
        return reembedding.fill(Fussy(), goes_on=lambda: True)

    assert look() == Progress(looked_at=5, embedded=2, left=3)
    assert all(gallery.vector(image_id) is not None for image_id in good)
    assert look() == Progress(looked_at=5, left=3)
    assert look() == Progress(looked_at=5, failed=3, is_whole=True)
    rows = gallery.shelf.rows("SELECT image_id, failure FROM embeddings WHERE vector IS NULL")
    assert {row["image_id"] for row in rows} == {unreadable, odd, wide}
    assert look().found_nothing


def test_when_the_store_or_the_model_is_broken_no_image_is_to_blame(sqlite_shelf: Shelf) -> None:
    gallery = Gallery(sqlite_shelf)

    class Away(LocalObjectStore):
        def get(self, key: str) -> bytes:  # noqa: ARG002
            raise ObjectStoreUnavailable

        def check(self) -> None:
            raise ObjectStoreUnavailable

    gallery.show(jpeg(1))
    model = Fussy()
    model.is_broken = True
    away = VeiledViews(Away(gallery.shelf.folder / "objects"), decode)
    for views, embedder, error in (
        (away, Descriptor(), ObjectStoreUnavailable),
        (VeiledViews(gallery.store, decode), model, RuntimeError),
    ):
        reembedding = Reembedding(gallery.shelf.database, views)
        for _ in range(4):
            with pytest.raises(error):
                reembedding.fill(embedder, goes_on=lambda: True)
    assert gallery.shelf.rows("SELECT * FROM embeddings") == []


def wide_jpeg() -> bytes:
    spool = io.BytesIO()
    Image.new("RGB", (300, 60), (9, 90, 200)).save(spool, "JPEG")
    return spool.getvalue()
