"""Making regions of a picture unrecognisable."""

import math
from collections.abc import Callable, Sequence

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

Redactor = Callable[[NDArray[np.uint8], Box, RedactionPolicy], NDArray[np.uint8]]


def veil_into(pixels: NDArray[np.uint8], boxes: Sequence[Box], policy: RedactionPolicy) -> list[Box]:
    """Veil `boxes` in a writable (H, W, 3) picture; in place, because a picture may fill a fifth of a GB.

    Returns the padded boxes, in order; one wholly outside the picture is empty and changes nothing. Boxes
    are veiled one after the other, each from what the earlier ones left, so that an overlap only ever
    loses detail. Pixels outside the masks keep their values.
    """
    size_wh = (pixels.shape[1], pixels.shape[0])
    padded_boxes = [pad_box(box, policy.mask_scale, size_wh) for box in boxes]
    for padded in padded_boxes:
        if not is_empty(padded):
            _veil_one_into(pixels, padded, policy)
    return padded_boxes


def _veil_one_into(pixels: NDArray[np.uint8], padded: Box, policy: RedactionPolicy) -> None:
    mask = mask_around(padded, policy.shape, (pixels.shape[1], pixels.shape[0]))
    region = pixels[mask.y1 : mask.y2, mask.x1 : mask.x2]
    face = Box(padded.x1 - mask.x1, padded.y1 - mask.y1, padded.x2 - mask.x1, padded.y2 - mask.y1)
    veiled = REDACTORS[policy.style](region, face, policy)
    if mask.inside is None:
        region[:] = veiled
    else:
        np.copyto(region, veiled, where=mask.inside[:, :, None])


def mosaic(region: NDArray[np.uint8], face: Box, policy: RedactionPolicy) -> NDArray[np.uint8]:
    """The region in tiles of one colour each, laid from the corner of `face` (in pixels of the region).

    At most `mosaic_tiles` lie along the face's longer side; a tile's colour is the mean of its pixels.
    """
    tile = max(_MIN_TILE_SIDE, math.ceil(max(face.width, face.height) / policy.mosaic_tiles))
    height, width = region.shape[:2]
    rows = _tile_starts(int(face.y1), tile, height)
    columns = _tile_starts(int(face.x1), tile, width)
    row_counts, column_counts = np.diff(rows, append=height), np.diff(columns, append=width)
    sums = np.add.reduceat(region, rows, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, columns, axis=1, dtype=np.uint32)
    means = sums // (row_counts[:, None, None] * column_counts[None, :, None]).astype(np.uint32)
    colours = (means // _COLOUR_STEP * _COLOUR_STEP + _COLOUR_STEP // 2).astype(np.uint8)
    return colours.repeat(row_counts, axis=0).repeat(column_counts, axis=1)


def _tile_starts(anchor: int, tile: int, length: int) -> NDArray[np.intp]:
    """Where tiles begin on a line of `length` pixels when one begins at `anchor`; the first may be cut."""
    starts = np.arange(anchor % tile, length, tile, dtype=np.intp)
    return starts if starts.size and starts[0] == 0 else np.concatenate(([0], starts)).astype(np.intp)


REDACTORS: dict[BlurStyle, Redactor] = {BlurStyle.MOSAIC: mosaic}
