"""The colour table of a BMP, made as long as its pixels can name colours."""

from veilgate.imaging.bmp_structure import read_layout


def with_full_table(data: bytes) -> bytes:
    """The file with a table of 2, 16 or 256 colours; itself where it has that, or needs none.

    Pillow takes any table of black and white alone for a picture of one bit a pixel, and reads 4 or 8 bits as
    such. The colours added are black, as it shows those that are not there.
    """
    with memoryview(data) as view:
        layout = read_layout(view)
    missing = (1 << layout.bits) - layout.colours
    if layout.bits > 8 or not layout.colours or not missing:
        return data
    table_end = layout.table_at + layout.table_bytes
    pixels_at = int.from_bytes(data[10:14], "little")
    added = bytes(4 * missing)
    moved_to = (pixels_at + len(added)).to_bytes(4, "little")
    said = (1 << layout.bits).to_bytes(4, "little")
    return data[:10] + moved_to + data[14:46] + said + data[50:table_end] + added + data[table_end:]
