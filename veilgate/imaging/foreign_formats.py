"""Formats we know by their first bytes but do not take, so that the refusal can name them."""

_MAGICS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"\0\0\1\0", "ICO"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"qoif", "QOI"),
    (0, b"DDS ", "DDS"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"ftypcrx", "Canon raw"),
)
_BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
}


def foreign_format(head: bytes) -> str | None:
    """Name the format of a file that begins with `head` (up to 1 KB of it), or None."""
    for offset, magic, name in _MAGICS:
        if head.startswith(magic, offset):
            return name
    # "BM" alone would also match text; a bitmap's four reserved bytes are zero.
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "BMP"
    return _isobmff_format(head) or _svg(head)


def _isobmff_format(head: bytes) -> str | None:
    """HEIC and AVIF share a container: the major brand decides, then the compatible ones."""
    if head[4:8] != b"ftyp":
        return None
    box_bytes = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, box_bytes, 4))]
    for brand in brands:
        for name, known in _BRANDS.items():
            if brand in known:
                return name
    return None


def _svg(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return (
        "SVG" if text.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text else None
    )
