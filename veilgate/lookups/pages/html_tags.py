"""HTML as a row of tags and texts, read once from its beginning to its end.

No tree is built: one parser took more than ten minutes for a megabyte of `<div>`, in native code that lets no
other thread run. Here each letter is looked at a bounded number of times, whatever stands there.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# What stands in them is no markup.
_RAW = frozenset({"script", "style", "textarea", "title", "iframe", "noembed", "noframes", "xmp"})
_NAME = re.compile(r"[a-zA-Z][^\s/>]{0,40}")
_ATTRIBUTE = re.compile(r"[\s/]*([^\s/>=\"']{1,100})(\s*=\s*)?")
_BARE_VALUE = re.compile(r"[^\s>]*")
_MOST_ATTRIBUTES = 60
# Of the longest pages of shops about 20,000 are; so many took half a second.
_MOST_TAGS = 50_000
_WANTED_TEXT = """
    content data datetime href itemid itemprop itemscope itemtype lang name property rel src type value
"""
_WANTED = frozenset(_WANTED_TEXT.split())


@dataclass(frozen=True, slots=True)
class Start:
    """`raw` is what stands in an element that has no markup in it; such an element has no `End`."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    name: str


@dataclass(frozen=True, slots=True)
class Text:
    text: str


def read_tags(source: str) -> Iterator[Start | End | Text]:
    """The tags and texts in their order, names in lower case and references resolved; of the attributes those
    that tell what is on a page. What is left open ends with the page."""
    return _Reader(source).read()


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._lower = source.lower() if len(source.lower()) == len(source) else source
        # A quote that nothing closes would be looked for to the end, for each that is open.
        self._last_quote = {quote: source.rfind(quote) for quote in "\"'"}
        self._place = 0

    def read(self) -> Iterator[Start | End | Text]:
        for _ in range(_MOST_TAGS):
            opened = self._source.find("<", self._place)
            if opened < 0:
                yield Text(resolved(self._source[self._place :]))
                return
            if opened > self._place:
                yield Text(resolved(self._source[self._place : opened]))
            found = self._at(opened)
            if found is not None:
                yield found

    def _at(self, opened: int) -> Start | End | Text | None:
        after = self._source[opened + 1 : opened + 2]
        if name := _NAME.match(self._source, opened + 1):
            return self._start(name)
        if after == "/" and (name := _NAME.match(self._source, opened + 2)):
            self._skip_past(">", name.end())
            return End(name[0].lower())
        if after in {"!", "?", "/"}:
            is_comment = self._source.startswith("<!--", opened)
            self._skip_past("-->" if is_comment else ">", opened + (4 if is_comment else 2))
            return None
        self._place = opened + 1
        return Text("<")

    def _start(self, name: re.Match[str]) -> Start:
        tag = name[0].lower()
        self._place = name.end()
        attributes = self._attributes()
        if tag not in _RAW:
            return Start(tag, attributes)
        ends = self._lower.find(f"</{tag}", self._place)
        raw = self._source[self._place : ends if ends >= 0 else len(self._source)]
        self._place = ends if ends >= 0 else len(self._source)
        self._skip_past(">", self._place)
        return Start(tag, attributes, raw)

    def _attributes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while attribute := _ATTRIBUTE.match(self._source, self._place):
            self._place = attribute.end()
            value = self._value() if attribute[2] else ""
            name = attribute[1].lower()
            if name in _WANTED and len(found) < _MOST_ATTRIBUTES:
                found.setdefault(name, resolved(value))
        self._skip_past(">", self._place)
        return found

    def _value(self) -> str:
        quote = self._source[self._place : self._place + 1]
        if quote and quote in self._last_quote:
            ends = self._source.find(quote, self._place + 1) if self._place < self._last_quote[quote] else -1
            ends = ends if ends >= 0 else len(self._source)
            value = self._source[self._place + 1 : ends]
            self._place = ends + 1
            return value
        bare = _BARE_VALUE.match(self._source, self._place)
        assert bare is not None
        self._place = bare.end()
        return bare[0]

    def _skip_past(self, mark: str, start: int) -> None:
        found = self._source.find(mark, start)
        self._place = found + len(mark) if found >= 0 else len(self._source)


def resolved(text: str) -> str:
    """With `&eacute;` as é. A reference of more digits than Python reads as a number stays as it is."""
    try:
        return html.unescape(text)
    except ValueError:
        return text
