"""The structure of HEIC and AVIF files (ISO/IEC 23008-12): the main picture's size, and all bytes."""

from collections.abc import Mapping

from veilgate.domain.pictures import PictureFormat, PictureHeader, PictureLimits
from veilgate.domain.rejections import BadDimensions, DamagedImage, TruncatedImage, UnsupportedMode
from veilgate.imaging.av1_sequence import HEAD_BYTES, announced_size
from veilgate.imaging.isobmff_boxes import Box, BoxReader, boxes_in
from veilgate.imaging.isobmff_places import MAX_ITEMS, first_extents
from veilgate.imaging.picture_limits import check_limits

# One picture, one put together from tiles, or another one turned or cropped.
_KINDS = {
    PictureFormat.HEIC: frozenset({b"hvc1", b"grid", b"iden"}),
    PictureFormat.AVIF: frozenset({b"av01", b"grid"}),
}
_MAX_OVERHANG, _SLACK_PIXELS = 4, 1 << 20
# The longest side that a WebP can have, which is what an AVIF is served as.
_MAX_AVIF_SIDE = 16_383


def inspect_heic(view: memoryview, limits: PictureLimits) -> PictureHeader:
    """Read the size of the main picture, then require that the file holds all the bytes it refers to."""
    return _inspect(view, limits, PictureFormat.HEIC)


def inspect_avif(view: memoryview, limits: PictureLimits) -> PictureHeader:
    """As `inspect_heic`; of a sequence of pictures, the still one that stands for it."""
    header = _inspect(view, limits, PictureFormat.AVIF)
    if max(header.width, header.height) > _MAX_AVIF_SIDE:
        raise BadDimensions(f"An AVIF may be {_MAX_AVIF_SIDE} pixels wide and high at most.")
    return header


def _inspect(view: memoryview, limits: PictureLimits, kind: PictureFormat) -> PictureHeader:
    parts = _described_parts(view)
    main = _main_item(view, parts)
    width, height = _size_of(view, parts, main)
    header = check_limits(PictureHeader(kind, width=width, height=height), limits)
    kinds = _item_kinds(view, parts)
    if kinds.get(main) not in _KINDS[kind]:
        raise UnsupportedMode("This kind of HEIC or AVIF picture is not taken.")
    extents = first_extents(view, _part(parts, b"iloc"))
    for item in (item for item, found in kinds.items() if found == b"av01"):
        if item not in extents:
            raise DamagedImage("The picture does not say where its pixels are.")
        _require_announced(bytes(view[extents[item]][:HEAD_BYTES]), header)
    return header


def _require_announced(head: bytes, header: PictureHeader) -> None:
    """Tiles reach beyond a picture's edge, but not by much. (libheif refuses such a HEVC by itself.)"""
    width, height = announced_size(head)
    if width * height > _MAX_OVERHANG * header.pixels + _SLACK_PIXELS:
        raise DamagedImage("The picture's pixels are not of the size that it says.")


def _described_parts(view: memoryview) -> Mapping[bytes, Box]:
    """The boxes that describe the pictures, by kind."""
    for box in boxes_in(view, 0, view.nbytes):
        if box.kind == b"meta":
            # `meta` itself begins with a version and flags.
            return {part.kind: part for part in boxes_in(view, box.start + 4, box.end)}
        if box.kind == b"moov":
            raise UnsupportedMode("A sequence of pictures without a still one is not taken.")
    raise TruncatedImage("The picture ends before its description.")


def _part(parts: Mapping[bytes, Box], kind: bytes) -> Box:
    box = parts.get(kind)
    if box is None:
        raise DamagedImage("The picture's description lacks a part.")
    return box


def _main_item(view: memoryview, parts: Mapping[bytes, Box]) -> int:
    reader = BoxReader(view, _part(parts, b"pitm"))
    return reader.number(2 if reader.version == 0 else 4)


def _item_kinds(view: memoryview, parts: Mapping[bytes, Box]) -> Mapping[int, bytes]:
    box = _part(parts, b"iinf")
    reader = BoxReader(view, box)
    if reader.number(2 if reader.version == 0 else 4) > MAX_ITEMS:
        raise DamagedImage("The picture has too many parts.")
    kinds: dict[int, bytes] = {}
    for entry in boxes_in(view, reader.position, box.end):
        fields = BoxReader(view, entry)
        if fields.version < 2:
            raise DamagedImage("The picture's description is of an unknown kind.")
        item = fields.number(2 if fields.version == 2 else 4)
        fields.take(2)  # a protection, of which we know none
        if item in kinds:
            raise DamagedImage("The picture describes the same part twice.")
        kinds[item] = fields.take(4)
    return kinds


def _size_of(view: memoryview, parts: Mapping[bytes, Box], item: int) -> tuple[int, int]:
    box = _part(parts, b"iprp")
    inner = {part.kind: part for part in boxes_in(view, box.start, box.end)}
    held = _part(inner, b"ipco")
    properties = list(boxes_in(view, held.start, held.end))
    for place in _places_of(BoxReader(view, _part(inner, b"ipma")), item):
        if not 0 < place <= len(properties):
            raise DamagedImage("The picture refers to a property that is not there.")
        if properties[place - 1].kind == b"ispe":
            size = BoxReader(view, properties[place - 1])
            return size.number(4), size.number(4)
    raise DamagedImage("The picture does not say how large it is.")


def _places_of(reader: BoxReader, item: int) -> list[int]:
    """Which properties, counted from one, are those of an item."""
    place_bytes = 2 if reader.flags & 1 else 1
    # The first bit says whether a reader must know the property.
    mask = (1 << 8 * place_bytes - 1) - 1
    for _ in range(min(reader.number(4), MAX_ITEMS)):
        found = reader.number(2 if reader.version == 0 else 4)
        places = [reader.number(place_bytes) & mask for _ in range(reader.number(1))]
        if found == item:
            return places
    raise DamagedImage("The picture does not say how large it is.")
