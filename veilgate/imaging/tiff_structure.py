"""The structure of a TIFF file (TIFF 6.0): its first page, stored in a way that is read right, and whole."""

from dataclasses import dataclass

from veilgate.domain.pictures import PictureFormat, PictureHeader, PictureLimits
from veilgate.domain.rejections import DamagedImage, TruncatedImage, UnsupportedMode
from veilgate.imaging import tiff_directory as tags
from veilgate.imaging.picture_limits import check_limits
from veilgate.imaging.tiff_directory import Fields, read_fields

_RAW, _JPEG = 1, 7
_FAX = frozenset({2, 3, 4})
# LZW, Deflate under both of its numbers, PackBits.
_BYTEWISE = frozenset({_RAW, 5, 8, 32773, 32946})
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_UNSIGNED = 1
_CHUNKY, _PLANAR = 1, 2
_DIFFERENCES = 2
# An extra sample is of no known use, alpha that the colours are multiplied with, or plain alpha.
_EXTRAS = ((0,), (1,), (2,))
# What is read right: what a sample means, its bits, and what follows the colours. Measured one by one in
# tests/unit/imaging/test_tiff_colours.py; all that is not here (LAB, floats, 12 bits, masks, …) is refused.
_LAYOUTS: frozenset[tuple[int, tuple[int, ...], tuple[int, ...]]] = frozenset(
    {
        *((grey, (bits,), ()) for grey in (_WHITE_IS_ZERO, _BLACK_IS_ZERO) for bits in (1, 2, 4, 8)),
        (_BLACK_IS_ZERO, (16,), ()),
        *((_BLACK_IS_ZERO, (8, 8), extra) for extra in _EXTRAS),
        *((_RGB, (bits,) * 3, ()) for bits in (8, 16)),
        *((_RGB, (bits,) * 4, extra) for bits in (8, 16) for extra in _EXTRAS),
        *((_PALETTE, (bits,), ()) for bits in (1, 2, 4, 8)),
        *((_CMYK, (bits,) * 4, ()) for bits in (8, 16)),
    }
)
_FAX_LAYOUTS = frozenset({(_WHITE_IS_ZERO, (1,), ()), (_BLACK_IS_ZERO, (1,), ())})
_JPEG_LAYOUTS = frozenset({(_BLACK_IS_ZERO, (8,), ()), (_RGB, (8,) * 3, ()), (_YCBCR, (8,) * 3, ())})
_PLANAR_LAYOUTS = frozenset({(_RGB, (8,) * 3, ())})
# Tiles reach beyond the picture's edge, but not by much more than a tile.
_MAX_TILE_OVERHANG, _TILE_SLACK_PIXELS = 4, 1 << 20


@dataclass(frozen=True, slots=True)
class _Parts:
    """Strips or tiles: where they begin, how long they are, and what each holds."""

    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    width: int
    height: int
    across: int
    down: int


def inspect_tiff(view: memoryview, limits: PictureLimits) -> PictureHeader:
    """Read the size of the first page, then require a known way to store pixels, and all of them."""
    fields = read_fields(view)
    width, height = _one(fields, tags.WIDTH), _one(fields, tags.HEIGHT)
    header = check_limits(PictureHeader(PictureFormat.TIFF, width=width, height=height), limits)
    _require_known_mode(fields)
    _require_whole(view, fields, header)
    return header


def _require_known_mode(fields: Fields) -> None:
    compression = _one(fields, tags.COMPRESSION, _RAW)
    samples = _one(fields, tags.SAMPLES, 1)
    bits = fields.get(tags.BITS, (1,))
    bits = bits * samples if len(bits) == 1 and samples <= 4 else bits
    layout = (_one(fields, tags.PHOTOMETRIC), bits, fields.get(tags.EXTRA_SAMPLES, ()))
    allowed = {_JPEG: _JPEG_LAYOUTS, **dict.fromkeys(_FAX, _FAX_LAYOUTS)}.get(
        compression, _LAYOUTS if compression in _BYTEWISE else frozenset()
    )
    is_known = (
        len(bits) == samples
        and layout in allowed
        and set(fields.get(tags.SAMPLE_FORMAT, (_UNSIGNED,))) == {_UNSIGNED}
        and _one(fields, tags.PREDICTOR, 1) in (1, _DIFFERENCES)
        and (_one(fields, tags.FILL_ORDER, 1) == 1 or bits == (1,))
        and (_planes(fields) == 1 or layout in _PLANAR_LAYOUTS)
    )
    if not is_known:
        raise UnsupportedMode("A TIFF that stores its pixels in this way is not taken.")
    if layout[0] == _PALETTE and len(fields.get(tags.COLOUR_MAP, ())) != 3 << bits[0]:
        raise DamagedImage("The TIFF's colour table is damaged.")


def _require_whole(view: memoryview, fields: Fields, header: PictureHeader) -> None:
    parts = _tiles(fields, header) if tags.TILE_OFFSETS in fields else _strips(fields, header)
    if len(parts.offsets) != len(parts.lengths) or len(parts.offsets) != (
        parts.across * parts.down * _planes(fields)
    ):
        raise DamagedImage("The TIFF has too many or too few pieces.")
    if min(parts.offsets) == 0 or min(parts.lengths) == 0:
        raise DamagedImage("The TIFF lacks some of its pieces.")
    ends = map(int.__add__, parts.offsets, parts.lengths)
    if max(ends) > view.nbytes:
        raise TruncatedImage("The TIFF ends before its pixels do.")
    if _one(fields, tags.COMPRESSION, _RAW) == _RAW:
        _require_all_rows(fields, parts, header)


def _strips(fields: Fields, header: PictureHeader) -> _Parts:
    offsets, lengths = _places(fields, tags.STRIP_OFFSETS, tags.STRIP_BYTES)
    rows = min(_one(fields, tags.ROWS_PER_STRIP, header.height), header.height)
    if rows < 1:
        raise DamagedImage("The TIFF's strips have no rows.")
    return _Parts(offsets, lengths, header.width, rows, 1, -(-header.height // rows))


def _tiles(fields: Fields, header: PictureHeader) -> _Parts:
    offsets, lengths = _places(fields, tags.TILE_OFFSETS, tags.TILE_BYTES)
    width, height = _one(fields, tags.TILE_WIDTH), _one(fields, tags.TILE_HEIGHT)
    if tags.STRIP_OFFSETS in fields or not width or not height:
        raise DamagedImage("The TIFF's tiles are damaged.")
    across, down = -(-header.width // width), -(-header.height // height)
    if across * width * down * height > _MAX_TILE_OVERHANG * header.pixels + _TILE_SLACK_PIXELS:
        raise DamagedImage("The TIFF's tiles are much larger than its picture.")
    return _Parts(offsets, lengths, width, height, across, down)


def _require_all_rows(fields: Fields, parts: _Parts, header: PictureHeader) -> None:
    """Pixels that are stored as they are take a known number of bytes."""
    bits = fields.get(tags.BITS, (1,))
    samples = 1 if _planes(fields) > 1 else _one(fields, tags.SAMPLES, 1)
    row_bytes = -(-parts.width * samples * bits[0] // 8)
    is_tiled = tags.TILE_OFFSETS in fields
    last_rows = parts.height if is_tiled else header.height - (parts.down - 1) * parts.height
    for at, length in enumerate(parts.lengths):
        rows = last_rows if at % parts.down == parts.down - 1 else parts.height
        if length < rows * row_bytes:
            raise TruncatedImage("The TIFF's pixels end too early.")


def _places(fields: Fields, offsets: int, lengths: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    try:
        return fields[offsets], fields[lengths]
    except KeyError as error:
        raise DamagedImage("The TIFF does not say where its pixels are.") from error


def _planes(fields: Fields) -> int:
    """How many planes the pixels are spread over."""
    samples, planar = _one(fields, tags.SAMPLES, 1), _one(fields, tags.PLANAR, _CHUNKY)
    if planar not in (_CHUNKY, _PLANAR):
        raise DamagedImage("The TIFF's directory is damaged.")
    return samples if planar == _PLANAR else 1


def _one(fields: Fields, tag: int, default: int | None = None) -> int:
    """The single value of a field. Raises DamagedImage where it is missing and has no default."""
    values = fields.get(tag, () if default is None else (default,))
    if len(values) != 1:
        raise DamagedImage("The TIFF's directory is damaged.")
    return values[0]
