"""Making regions of a picture unrecognisable."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veilgate.domain.detections import Box
from veilgate.domain.redaction import BlurStyle, RedactionPolicy
from veilgate.imaging.boxes import is_empty, pad_box
from veilgate.imaging.masks import mask_around

# A tile of fewer pixels would leave a small face its features.
_MIN_TILE_SIDE = 8
# Tile colours keep 4 bits a channel: what a mean says beyond that helps only who wants to undo it.
_COLOUR_STEP = 16
# One colour for all: a mean would tell the tone of a skin. Dark, so that a veil is not taken for a light
# surface; not black, which is what broken pictures and letterboxes are.
_SOLID_LEVEL = np.uint8(40)
# Points that the Gaussian is computed on for each tile, and its standard deviation in those points: at 0.5
# of a tile the tiles' own edges are gone, and a wider one would only darken what a mosaic shows.
_POINTS_A_TILE = 4
_SIGMA_POINTS = 0.5 * _POINTS_A_TILE
_OPAQUE = np.uint8(255)

Redactor = Callable[[NDArray[np.uint8], Box, RedactionPolicy], NDArray[np.uint8]]


def veil_into(
    pixels: NDArray[np.uint8],
    boxes: Sequence[Box],
    policy: RedactionPolicy,
    *,
    alpha: NDArray[np.uint8] | None = None,
) -> list[Box]:
    """Veil `boxes` in a writable (H, W, 3) picture; in place, because a picture may fill a fifth of a GB.

    Returns the padded boxes, in order; one wholly outside the picture is empty and changes nothing. Boxes
    are veiled one after the other, each from what the earlier ones left, so that an overlap only ever
    loses detail. Pixels outside the masks keep their values. Given the picture's `alpha` (H, W), veils are
    opaque: the outline of a cut-out head is a face's too, and colours that nobody could see stay unseen.
    """
    size_wh = (pixels.shape[1], pixels.shape[0])
    padded_boxes = [pad_box(box, policy.mask_scale, size_wh) for box in boxes]
    for padded in padded_boxes:
        if not is_empty(padded):
            _veil_one_into(pixels, padded, policy, alpha=alpha)
    return padded_boxes


def _veil_one_into(
    pixels: NDArray[np.uint8], padded: Box, policy: RedactionPolicy, *, alpha: NDArray[np.uint8] | None
) -> None:
    mask = mask_around(padded, policy.shape, (pixels.shape[1], pixels.shape[0]))
    rows, columns = slice(mask.y1, mask.y2), slice(mask.x1, mask.x2)
    region = pixels[rows, columns]
    face = Box(padded.x1 - mask.x1, padded.y1 - mask.y1, padded.x2 - mask.x1, padded.y2 - mask.y1)
    seen = region if alpha is None else np.where(alpha[rows, columns, None] == 0, np.uint8(0), region)
    veiled = REDACTORS[policy.style](seen, face, policy)
    if mask.inside is None:
        region[:] = veiled
    else:
        np.copyto(region, veiled, where=mask.inside[:, :, None])
    if alpha is not None:
        np.copyto(alpha[rows, columns], _OPAQUE, where=True if mask.inside is None else mask.inside)


@dataclass(frozen=True, slots=True, eq=False)
class _Tiles:
    """A region's tiles: where each row and column of them begins, and the colour of each, (rows, columns, 3).

    `side` is that of a whole tile, in pixels; the first and the last of a line may be cut.
    """

    side: int
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    colours: NDArray[np.uint8]


def mosaic(region: NDArray[np.uint8], face: Box, policy: RedactionPolicy) -> NDArray[np.uint8]:
    """The region in tiles of one colour each, laid from the corner of `face` (in pixels of the region).

    At most `mosaic_tiles` lie along the face's longer side; a tile's colour is the mean of its pixels.
    """
    tiles = _tiles_of(region, face, policy)
    height, width = region.shape[:2]
    row_counts, column_counts = np.diff(tiles.rows, append=height), np.diff(tiles.columns, append=width)
    return tiles.colours.repeat(row_counts, axis=0).repeat(column_counts, axis=1)


def gaussian(region: NDArray[np.uint8], face: Box, policy: RedactionPolicy) -> NDArray[np.uint8]:
    """The region as a smooth picture of its mosaic: made from the tiles' colours and nothing else.

    So it tells no more than they do, whatever is tried to sharpen it; a Gaussian over the pixels themselves
    could be undone in part. It widens with the face, as the tiles do.
    """
    tiles = _tiles_of(region, face, policy)
    height, width = region.shape[:2]
    points = tiles.colours.repeat(_POINTS_A_TILE, axis=0).repeat(_POINTS_A_TILE, axis=1)
    smooth = cv2.GaussianBlur(points, (0, 0), _SIGMA_POINTS, borderType=cv2.BORDER_REPLICATE)
    # Each tile at its full size, then only what lies within the region: of a cut first tile, its end.
    whole_wh = (len(tiles.columns) * tiles.side, len(tiles.rows) * tiles.side)
    whole = cv2.resize(smooth, whole_wh, interpolation=cv2.INTER_LINEAR)
    top, left = (-int(face.y1)) % tiles.side, (-int(face.x1)) % tiles.side
    return np.asarray(whole[top : top + height, left : left + width], np.uint8)


def solid(region: NDArray[np.uint8], _face: Box, _policy: RedactionPolicy) -> NDArray[np.uint8]:
    """The region in one colour that depends on nothing."""
    return np.broadcast_to(_SOLID_LEVEL, region.shape)


def _tiles_of(region: NDArray[np.uint8], face: Box, policy: RedactionPolicy) -> _Tiles:
    side = max(_MIN_TILE_SIDE, math.ceil(max(face.width, face.height) / policy.mosaic_tiles))
    height, width = region.shape[:2]
    rows = _tile_starts(int(face.y1), side, height)
    columns = _tile_starts(int(face.x1), side, width)
    row_counts, column_counts = np.diff(rows, append=height), np.diff(columns, append=width)
    sums = np.add.reduceat(region, rows, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, columns, axis=1, dtype=np.uint32)
    means = sums // (row_counts[:, None, None] * column_counts[None, :, None]).astype(np.uint32)
    colours = (means // _COLOUR_STEP * _COLOUR_STEP + _COLOUR_STEP // 2).astype(np.uint8)
    return _Tiles(side, rows, columns, colours)


def _tile_starts(anchor: int, tile: int, length: int) -> NDArray[np.intp]:
    """Where tiles begin on a line of `length` pixels when one begins at `anchor`; the first may be cut."""
    starts = np.arange(anchor % tile, length, tile, dtype=np.intp)
    return starts if starts.size and starts[0] == 0 else np.concatenate(([0], starts)).astype(np.intp)


REDACTORS: dict[BlurStyle, Redactor] = {
    BlurStyle.MOSAIC: mosaic,
    BlurStyle.GAUSSIAN: gaussian,
    BlurStyle.SOLID: solid,
}
