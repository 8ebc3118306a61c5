"""Microdata, gathered tag by tag, in the shape that JSON-LD has."""

from dataclasses import dataclass, field

from veilgate.lookups.pages.html_tags import Start

Item = dict[str, object]

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
# One of them ends another that was left open, as authors may.
_ENDS_ITS_LIKE = frozenset({"dd", "dt", "li", "option", "p", "td", "th", "tr"})
_STRUCK = frozenset({"del", "s", "strike"})
# Beyond it elements are not told from what they are in; no page has a product there.
_DEEPEST = 500
# How far up an end tag may end what was left open.
_FURTHEST_UP = 100
_MOST_ITEMS = 500
_LONGEST_VALUE = 5000
_MOST_VALUES = 100
# Where the value of an element stands, if it is not its text.
_VALUE_IN = {
    "a": "href",
    "area": "href",
    "audio": "src",
    "data": "value",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "meter": "value",
    "object": "data",
    "source": "src",
    "time": "datetime",
    "video": "src",
}


@dataclass(slots=True)
class _Open:
    """An element that has not ended: what its item is, which properties its text is of, whether it is
    struck through."""

    name: str
    item: Item | None
    owner: Item | None
    properties: tuple[str, ...] = ()
    texts: list[str] = field(default_factory=list)
    is_struck: bool = False


class MicrodataItems:
    def __init__(self) -> None:
        self._open: list[_Open] = []
        # Of those, the elements whose text is a value.
        self._listening: list[_Open] = []
        self._items: list[Item] = []
        self._made = 0

    def start(self, tag: Start) -> None:
        if self._open and self._open[-1].name == tag.name in _ENDS_ITS_LIKE:
            self._close(self._open.pop())
        around = self._open[-1] if self._open else None
        owner = around.item if around else None
        is_struck = tag.name in _STRUCK or (around is not None and around.is_struck)
        properties = tuple(tag.attributes.get("itemprop", "").split()[:5])
        item = self._new_item(tag) if "itemscope" in tag.attributes else None
        opened = _Open(tag.name, item or owner, owner, (), is_struck=is_struck)
        if item is not None:
            self._place_item(item, owner, properties)
        elif properties and owner is not None:
            value = _value_in(tag)
            if value is not None:
                _add(owner, properties, value, is_struck=is_struck)
            else:
                opened.properties = properties
        if tag.name not in _VOID and tag.raw is None and len(self._open) < _DEEPEST:
            self._open.append(opened)
            if opened.properties:
                self._listening.append(opened)

    def end(self, name: str) -> None:
        for up, opened in enumerate(reversed(self._open[-_FURTHEST_UP:]), start=1):
            if opened.name == name:
                for _ in range(up):
                    self._close(self._open.pop())
                return

    def text(self, text: str) -> None:
        for opened in self._listening[-5:]:
            if len(opened.texts) < _MOST_VALUES:
                opened.texts.append(text[:_LONGEST_VALUE])

    def finished(self) -> list[Item]:
        while self._open:
            self._close(self._open.pop())
        return self._items

    def _new_item(self, tag: Start) -> Item | None:
        self._made += 1
        if self._made > _MOST_ITEMS:
            return None
        item: Item = {"@type": tag.attributes.get("itemtype", "").split()[:5]}
        if tag.attributes.get("itemid"):
            item["@id"] = tag.attributes["itemid"]
        return item

    def _place_item(self, item: Item, owner: Item | None, properties: tuple[str, ...]) -> None:
        if owner is not None and properties:
            _add(owner, properties, item, is_struck=False)
        else:
            self._items.append(item)

    def _close(self, opened: _Open) -> None:
        if opened.properties and opened.owner is not None:
            self._listening.remove(opened)
            text = " ".join("".join(opened.texts).split())[:_LONGEST_VALUE]
            if text:
                _add(opened.owner, opened.properties, text, is_struck=opened.is_struck)


def _value_in(tag: Start) -> str | None:
    """The value that an attribute has; None if it is the text. `content` is met on any element."""
    if "content" in tag.attributes:
        return tag.attributes["content"][:_LONGEST_VALUE]
    attribute = _VALUE_IN.get(tag.name)
    return tag.attributes.get(attribute, "")[:_LONGEST_VALUE] if attribute else None


def _add(owner: Item, properties: tuple[str, ...], value: object, *, is_struck: bool) -> None:
    for name in properties:
        # What is struck through is what it cost before.
        if name.startswith("@") or (is_struck and name == "price"):
            continue
        values = owner.setdefault(name, [])
        if isinstance(values, list) and len(values) < _MOST_VALUES:
            values.append(value)
