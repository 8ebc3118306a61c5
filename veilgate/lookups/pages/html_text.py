"""The bytes of a page as text, by the encoding that it says it has."""

import codecs
import re

from veilgate.domain.storable_texts import storable

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_LOOKED_AT_BYTES = 4096
# Some of Python's codecs are no character sets, and take a minute for what a stranger may send.
_KNOWN = re.compile(
    r"utf-8|utf-16(-[lb]e)?|iso8859-\d+|cp(125\d|866|874|932|949|950|1252)|shift_jis|euc_(jp|kr)|iso2022_jp|"
    r"gb2312|gbk|gb18030|big5|koi8-[ru]|mac-roman|tis-620|ascii"
)
_USUAL, _OF_OLD = "utf-8", "cp1252"


def html_text(body: bytes, content_type: str) -> str:
    """What nobody can read becomes a replacement mark, and a control a space; there is no page that has no
    text."""
    return storable(_decoded(body, content_type))


def _decoded(body: bytes, content_type: str) -> str:
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    beginning = body[:_LOOKED_AT_BYTES].decode("latin-1")
    for said in (content_type, beginning):
        found = _CHARSET.search(said)
        if found and (known := _known(found[1])):
            return body.decode(known, "replace")
    try:
        return body.decode(_USUAL)
    except UnicodeDecodeError:
        return body.decode(_OF_OLD, "replace")


def _known(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    # Pages that say latin-1 mean what Windows makes of it.
    name = _OF_OLD if name in {"iso8859-1", "ascii"} else name
    return name if _KNOWN.fullmatch(name) else None
