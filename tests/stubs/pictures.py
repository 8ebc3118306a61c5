"""Pictures as vendors receive them."""

import base64
import binascii
import io
from collections.abc import Callable

from PIL import Image, UnidentifiedImageError

from tests.stubs.desks import Refused, Said


def size_of(picture: bytes, refuse: Callable[[], Said]) -> tuple[int, int]:
    """Width and height; refused if it is no picture."""
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            return opened.size
    except (UnidentifiedImageError, OSError, ValueError):
        raise Refused(refuse()) from None


def from_base64(text: object, refuse: Callable[[], Said]) -> bytes:
    """Refused unless it is plain base64: a `data:` address is not."""
    if not isinstance(text, str) or not text:
        raise Refused(refuse())
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Refused(refuse()) from None
