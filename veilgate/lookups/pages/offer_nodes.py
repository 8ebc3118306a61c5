"""What a product costs, by its `offers` in the words of schema.org."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from veilgate.domain.lookups import Money, Wear
from veilgate.domain.prices import read_money
from veilgate.lookups.pages.json_ld import Graph, Node, types_of

_MOST_PRICES = 100
_MOST_CONDITIONS = 10
# Nobody reads more than 200 characters as a price.
_LONGEST_SAID = 250
# Prices that are named to be struck through.
_NOT_ASKED = ("listprice", "strikethroughprice", "msrp", "srp", "suggestedretailprice", "regularprice")
_WEARS = {
    "newcondition": Wear.NEW,
    "new": Wear.NEW,
    "refurbishedcondition": Wear.REFURBISHED,
    "refurbished": Wear.REFURBISHED,
    "usedcondition": Wear.USED,
    "used": Wear.USED,
    "damagedcondition": Wear.FOR_PARTS,
}


@dataclass(frozen=True, slots=True)
class Asked:
    price: Money
    wear: Wear


def prices_of(product: Node, graph: Graph, country: str | None) -> list[Asked]:
    """What is asked for it and its variants, of all sellers."""
    found = (
        asked
        for one in chain([product], graph.nodes(product.get("hasVariant")))
        for offer in graph.nodes(one.get("offers"))
        for asked in _asked(offer, graph, country, wear_of(one))
    )
    return list(islice(found, _MOST_PRICES))


def wear_of(node: Node) -> Wear:
    said = node.get("itemCondition")
    for one in said[:_MOST_CONDITIONS] if isinstance(said, list) else [said]:
        name = one.get("@id", "") if isinstance(one, dict) else one
        if isinstance(name, str) and (wear := _WEARS.get(_last_part(name))):
            return wear
    return Wear.UNKNOWN


def _asked(offer: Node, graph: Graph, country: str | None, own_wear: Wear) -> Iterator[Asked]:
    wear = wear_of(offer)
    wear = own_wear if wear is Wear.UNKNOWN else wear
    prices: Iterable[Money] = list(_prices(offer, graph, country))
    if not prices and "AggregateOffer" in types_of(offer):
        # One level: an aggregate of aggregates is none.
        inner = graph.nodes(offer.get("offers"))
        prices = (price for one in inner for price in _prices(one, graph, country))
    for price in prices:
        yield Asked(price, wear)


def _prices(offer: Node, graph: Graph, country: str | None) -> Iterator[Money]:
    specified = list(graph.nodes(offer.get("priceSpecification")))
    beside = _first(offer.get("priceCurrency")) or _first(
        next((one.get("priceCurrency") for one in specified if one.get("priceCurrency")), None)
    )
    said = [_first(offer.get(name)) for name in ("price", "lowPrice", "highPrice")]
    if all(one in (None, "") for one in said):
        said = [_first(one.get("price")) for one in specified if not _is_struck(one)]
    for one in said:
        if price := read_money(one, beside, country=country):
            yield price


def _is_struck(specification: Node) -> bool:
    named = _first(specification.get("priceType"))
    return isinstance(named, str) and _last_part(named) in _NOT_ASKED


def _first(value: Any) -> Any:
    """Microdata has lists of everything, and some JSON-LD too."""
    one = next(iter(value), None) if isinstance(value, list) else value
    return one[:_LONGEST_SAID] if isinstance(one, str) else one


def _last_part(name: str) -> str:
    return name[-_LONGEST_SAID:].rstrip("/").replace("#", "/").rpartition("/")[2].strip().lower()
