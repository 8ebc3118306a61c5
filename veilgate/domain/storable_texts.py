"""Texts of strangers without what no database, and no reader, can do anything with."""

import re

# Controls but for those that are white space, and half characters: JSON can say one, UTF-8 cannot.
_UNSTORABLE = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x9f\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with a space in the place of each character that cannot be stored."""
    return _UNSTORABLE.sub(" ", text)
