"""What a page says to machines: title, address, language, metas, blocks of JSON-LD, and microdata."""

from dataclasses import dataclass, field

from veilgate.lookups.pages.html_tags import End, Start, Text, read_tags
from veilgate.lookups.pages.microdata import MicrodataItems

_JSON_LD = "application/ld+json"
_MOST_BLOCKS = 50
_MOST_METAS = 300


@dataclass(slots=True)
class PageParts:
    """`metas` are names or properties with their contents, `items` are microdata in the shape of JSON-LD."""

    title: str | None = None
    locale: str | None = None
    canonical: str | None = None
    metas: list[tuple[str, str]] = field(default_factory=list)
    json_ld: list[str] = field(default_factory=list)
    items: list[dict[str, object]] = field(default_factory=list)


def read_parts(source: str) -> PageParts:
    parts = PageParts()
    microdata = MicrodataItems()
    for one in read_tags(source):
        match one:
            case Start():
                _take(parts, one)
                microdata.start(one)
            case End():
                microdata.end(one.name)
            case Text():
                microdata.text(one.text)
    parts.items = microdata.finished()
    return parts


def _take(parts: PageParts, tag: Start) -> None:
    said = tag.attributes
    if tag.name == "title" and parts.title is None and tag.raw is not None:
        parts.title = tag.raw
    elif tag.name == "html":
        parts.locale = said.get("lang")
    elif tag.name == "link" and "canonical" in said.get("rel", "").lower().split():
        parts.canonical = parts.canonical or said.get("href")
    elif tag.name == "meta" and len(parts.metas) < _MOST_METAS:
        name = said.get("property") or said.get("name")
        if name and said.get("content"):
            parts.metas.append((name.strip().lower(), said["content"].strip()))
    elif tag.raw and _is_json_ld(tag) and len(parts.json_ld) < _MOST_BLOCKS:
        parts.json_ld.append(tag.raw)


def _is_json_ld(tag: Start) -> bool:
    return tag.name == "script" and tag.attributes.get("type", "").strip().lower().startswith(_JSON_LD)
