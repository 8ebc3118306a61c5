"""Where in a HEIC or AVIF file the bytes of its items are (the box `iloc`)."""

from collections.abc import Iterator, Mapping

from veilgate.domain.rejections import DamagedImage, TruncatedImage
from veilgate.imaging.isobmff_boxes import Box, BoxReader

# libheif reads no file of more than 1,000 items; the largest photos of telephones have 200 tiles.
MAX_ITEMS = 1000
_MAX_EXTENTS = 4096
_LARGEST_FIELD_BYTES = 8


def first_extents(view: memoryview, box: Box) -> Mapping[int, slice]:
    """The first piece of each item that is stored in the file itself, by the item's number.

    All pieces of all items must lie within the file (TruncatedImage), for the main picture may be made of any
    of them. Raises DamagedImage for an item that is there twice, and for more of them than there can be.
    """
    extents: dict[int, slice] = {}
    for item, pieces in _items(BoxReader(view, box)):
        if item in extents:
            raise DamagedImage("The picture describes the same part twice.")
        if any(piece.stop > view.nbytes for piece in pieces):
            raise TruncatedImage("The picture ends before its pixels do.")
        if pieces:
            extents[item] = pieces[0]
    return extents


def _items(reader: BoxReader) -> Iterator[tuple[int, list[slice]]]:
    """Each item and its pieces; of one that is not stored in the file itself, none."""
    sizes = reader.number(2)
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_bytes = sizes & 15 if reader.version else 0
    if max(offset_bytes, length_bytes, base_bytes, index_bytes) > _LARGEST_FIELD_BYTES:
        raise DamagedImage("The picture's places are damaged.")
    id_bytes = 4 if reader.version > 1 else 2
    left = _MAX_EXTENTS
    for _ in range(_at_most(MAX_ITEMS, reader.number(id_bytes))):
        item = reader.number(id_bytes)
        is_in_file = not reader.version or not reader.number(2) & 15
        reader.take(2)  # the file it is in, which is this one
        base = reader.number(base_bytes)
        pieces = []
        for _ in range(_at_most(left, reader.number(2))):
            reader.take(index_bytes)
            start = base + reader.number(offset_bytes)
            pieces.append(slice(start, start + reader.number(length_bytes)))
        left -= len(pieces)
        yield item, pieces if is_in_file else []


def _at_most(most: int, count: int) -> int:
    if count > most:
        raise DamagedImage("The picture has too many parts.")
    return count
