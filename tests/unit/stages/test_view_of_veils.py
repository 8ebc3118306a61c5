"""What likeness is measured by: veiled in mosaic whatever style is shown, and never with a face in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.stages.stand_in_stages import work_of
from tests.unit.stages.test_veiling_stages import Looks
from veilgate.domain.detections import Box, Detection
from veilgate.domain.options import UploadOptions
from veilgate.domain.pictures import PictureFormat
from veilgate.domain.redaction import BlurStyle
from veilgate.imaging.likeness import likeness_view
from veilgate.imaging.picture import Picture
from veilgate.stages.blur_regions import BlurRegions, VeiledPicture
from veilgate.stages.contract import PictureWork
from veilgate.stages.find_faces import FaceSearch
from veilgate.stages.findings import Faces
from veilgate.stages.verify_veil import VerifyVeil

FIRST = Detection("face", 0.9, Box(301, 203, 511, 457))
DRAWN = Box(900, 100, 1000.5, 180)
MISSED = Detection("face", 0.8, Box(1013, 411, 1177, 633))
HALF_UNDER = Detection("face", 0.7, Box(301, 203, 700, 457))


def striped(*, with_alpha: bool = False) -> Picture:
    """Squares of four pixels, black and something: whatever is not veiled keeps its contrast in the view."""
    rows, columns = np.indices((900, 1300))
    squares = ((rows // 4 + columns // 4) % 2) * (255 - (columns + rows) % 400 // 4)
    pixels = np.repeat(squares.astype(np.uint8)[:, :, None], 3, axis=2)
    alpha = np.full((900, 1300), 255, np.uint8) if with_alpha else None
    if alpha is not None:
        alpha[:300, :450] = 0
    return Picture(np.ascontiguousarray(pixels), alpha, PictureFormat.PNG)


def veiled(style: BlurStyle, *second_look: Detection, picture: Picture | None = None) -> PictureWork:
    options: dict[str, Any] = {"blur_style": style, "extra_regions": (DRAWN,)}
    work = work_of("a")
    work.options = UploadOptions(**options)
    work.products[Picture] = striped() if picture is None else picture
    work.products[Faces] = Faces((FIRST,))
    (outcome,) = BlurRegions().run([work])
    assert isinstance(outcome.product, VeiledPicture)
    work.products[VeiledPicture] = outcome.product
    if second_look:
        search = FaceSearch(Looks(second_look), threshold=0.5, veil_labels=frozenset({"face"}))
        VerifyVeil(search).run([work])
    return work


def view_of(work: PictureWork) -> NDArray[np.uint8]:
    return work[VeiledPicture].view


def flatness_of(view: NDArray[np.uint8], box: Box) -> float:
    """The largest step between neighbours within the box, given in pixels of the picture."""
    scale = view.shape[1] / 1300
    rows = slice(int(np.ceil(box.y1 * scale)), int(box.y2 * scale))
    columns = slice(int(np.ceil(box.x1 * scale)), int(box.x2 * scale))
    part = view[rows, columns].astype(int)
    return float(np.abs(np.diff(part, axis=1)).mean())


@pytest.mark.parametrize("with_alpha", [False, True])
def test_the_view_does_not_depend_on_the_style(with_alpha: bool) -> None:
    views = [view_of(veiled(style, picture=striped(with_alpha=with_alpha))) for style in BlurStyle]
    assert all(np.array_equal(view, views[0]) for view in views[1:])


def test_with_a_mosaic_the_view_is_that_of_what_is_shown() -> None:
    work = veiled(BlurStyle.MOSAIC)
    assert np.array_equal(view_of(work), likeness_view(work[Picture].pixels))


def test_what_is_shown_is_veiled_in_the_style_asked_for() -> None:
    """All of them are laid over a mosaic."""
    mosaic, gaussian, solid = (veiled(style)[Picture].pixels[260:400, 340:470] for style in BlurStyle)
    assert np.ptp(solid) == 0
    # In a mosaic neighbours are of one colour, but where two tiles meet.
    steps = [float((np.diff(part[:, :, 0].astype(int), axis=1) != 0).mean()) for part in (mosaic, gaussian)]
    assert steps[0] < 0.05 < steps[1]


@pytest.mark.parametrize("style", list(BlurStyle))
@pytest.mark.parametrize("find", [MISSED, HALF_UNDER])
def test_what_the_second_look_found_is_veiled_in_the_view_too(style: BlurStyle, find: Detection) -> None:
    bare = likeness_view(striped().pixels)
    before, after = view_of(veiled(style)), view_of(veiled(style, find))
    assert flatness_of(bare, find.box) > 40
    assert flatness_of(before, find.box) > 5, "not all of it was veiled before"
    # In tiles of eight pixels, and neighbours that are alike.
    assert flatness_of(after, find.box) < 5


@pytest.mark.parametrize("found", [(), (MISSED,), (MISSED, HALF_UNDER)])
def test_nor_does_the_view_after_a_second_look(found: Sequence[Detection]) -> None:
    views = [view_of(veiled(style, *found)) for style in BlurStyle]
    assert all(np.array_equal(view, views[0]) for view in views[1:])


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 3000), (3000, 1), (37, 23)])
def test_every_picture_has_one(size_wh: tuple[int, int]) -> None:
    pixels = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    work = veiled(BlurStyle.SOLID, MISSED, picture=Picture(pixels, None, PictureFormat.PNG))
    assert max(view_of(work).shape) <= 512
    assert not np.shares_memory(view_of(work), pixels)
