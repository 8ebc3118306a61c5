"""Products in the words of schema.org, from JSON-LD or microdata, in the one shape of the house."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from veilgate.domain.lookups import Wear
from veilgate.domain.storable_texts import storable
from veilgate.domain.web_pages import MarkedProduct, Markup
from veilgate.lookups.pages.html_tags import resolved
from veilgate.lookups.pages.json_ld import Graph, Node, all_within, types_of
from veilgate.lookups.pages.offer_nodes import prices_of
from veilgate.lookups.pages.steps import Steps

_PRODUCTS = frozenset({"Product", "ProductGroup", "IndividualProduct", "SomeProducts", "Vehicle", "Car"})
_MOST_PRODUCTS = 100
_MOST_SPECS = 50
# Of one thing there are several names, or materials, but not many.
_MOST_SAID = 10
_LONGEST_TEXT, _LONGEST_VALUE = 4000, 300
_LARGEST_NUMBER = 10**15
_MARKUP = re.compile(r"<[^<>]{0,500}>")
# Properties of schema.org that are specifications, and what people call them.
_OWN_SPECS = {
    "sku": "SKU",
    "mpn": "MPN",
    "gtin": "GTIN",
    "gtin8": "GTIN",
    "gtin12": "GTIN",
    "gtin13": "GTIN",
    "gtin14": "GTIN",
    "color": "Colour",
    "size": "Size",
    "width": "Width",
    "height": "Height",
    "depth": "Depth",
    "weight": "Weight",
    "pattern": "Pattern",
    "category": "Category",
    "releaseDate": "Released",
    "countryOfOrigin": "Made in",
}
_UNITS = {"MMT": "mm", "CMT": "cm", "MTR": "m", "INH": "in", "GRM": "g", "KGM": "kg", "LBR": "lb", "LTR": "l"}


def products_in(
    nodes: list[Node], markup: Markup, steps: Steps, *, addresses: frozenset[str], country: str | None
) -> tuple[MarkedProduct, ...]:
    """All products that the nodes tell of. Those are main that the page names as its subject, or that have
    one of its `addresses`, or that stand alone at the top."""
    graph = Graph(nodes, steps)
    everything = list(all_within(nodes))
    subjects = {
        id(one) for node in everything for one in islice(graph.nodes(node.get("mainEntity")), _MOST_SAID)
    }
    top = [node for node in nodes if _PRODUCTS & types_of(node)]
    alone = {id(top[0])} if len(top) == 1 else set()
    found: list[MarkedProduct] = []
    for node in everything:
        if _PRODUCTS & types_of(node) and len(found) < _MOST_PRODUCTS:
            is_main = id(node) in subjects | alone or bool(addresses.intersection(_addresses_of(node)))
            found.append(_product(node, markup, graph, is_main=is_main, country=country))
    return tuple(one for one in found if one != MarkedProduct(markup))


def plain_text(value: Any, *, longest: int = _LONGEST_VALUE) -> str | None:
    """A text, or what is the text of a node or of the first of a list; without markup."""
    listed = value[:_MOST_SAID] if isinstance(value, list) else [value]
    return next((text for one in listed if (text := _of_one(one, longest))), None)


def _of_one(value: Any, longest: int) -> str | None:
    if isinstance(value, dict):
        said = (_of_text(value.get(key), longest) for key in ("name", "@value", "value", "@id"))
        return next((text for text in said if text), None)
    return _of_text(value, longest)


def _of_text(value: Any, longest: int) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        # Numbers of products have 14 digits; of thousands of them Python writes none, nor of no number any.
        value = f"{value:.15g}" if abs(value) < _LARGEST_NUMBER else ""
    if not isinstance(value, str):
        return None
    bare = _MARKUP.sub(" ", resolved(value[: 4 * longest]))
    return " ".join(storable(resolved(bare)).split())[:longest].strip() or None


def _product(
    node: Node, markup: Markup, graph: Graph, *, is_main: bool, country: str | None
) -> MarkedProduct:
    asked = prices_of(node, graph, country)
    new = [one for one in asked if one.wear in {Wear.NEW, Wear.UNKNOWN}]
    chosen = new or asked
    brand = _said(node, "brand", graph) or _said(node, "manufacturer", graph)
    return MarkedProduct(
        markup,
        name=plain_text(node.get("name")),
        is_main=is_main,
        brand=plain_text(brand),
        model=plain_text(_said(node, "model", graph)),
        description=plain_text(node.get("description"), longest=_LONGEST_TEXT),
        material=_joined(_said(node, "material", graph)),
        specs=tuple(dict(_specs(node, graph)).items())[:_MOST_SPECS],
        prices=tuple(one.price for one in chosen),
        wear=chosen[0].wear if chosen else Wear.UNKNOWN,
    )


def _said(node: Node, name: str, graph: Graph) -> list[Any]:
    return list(islice(graph.listed(node.get(name)), _MOST_SAID))


def _specs(node: Node, graph: Graph) -> Iterator[tuple[str, str]]:
    for name, title in _OWN_SPECS.items():
        if text := _measured(graph.resolved(node.get(name))):
            yield title, text
    for one in islice(graph.nodes(node.get("additionalProperty")), 2 * _MOST_SPECS):
        if (named := plain_text(one.get("name"))) and (text := _measured(one)):
            yield named, text


def _measured(value: Any) -> str | None:
    """A value with its unit."""
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict) or "value" not in value:
        return plain_text(value)
    text = plain_text(value["value"])
    code = plain_text(value.get("unitCode")) or ""
    unit = plain_text(value.get("unitText")) or _UNITS.get(code, code)
    return f"{text} {unit}".strip()[:_LONGEST_VALUE] if text else None


def _joined(values: list[Any]) -> str | None:
    texts = [text for one in values if (text := plain_text(one))]
    return ", ".join(dict.fromkeys(texts)) or None


def _addresses_of(node: Node) -> Iterator[str]:
    for key in ("@id", "url", "mainEntityOfPage"):
        text = plain_text(node.get(key), longest=2048)
        if text:
            yield bare_address(text)


def bare_address(url: str) -> str:
    """As addresses are compared: without fragment, and without a slash at the end."""
    return url.partition("#")[0].rstrip("/").replace("://www.", "://", 1)
