"""What a product costs, by its `offers` in the words of schema.org."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from veilgate.domain.lookups import Money, Wear
from veilgate.domain.prices import read_money
from veilgate.lookups.pages.json_ld import Graph, Node, types_of

_MOST_OFFERS = 100
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
    products = [product, *(one for one in graph.listed(product.get("hasVariant")) if isinstance(one, dict))]
    found: list[Asked] = []
    for one in products[:_MOST_OFFERS]:
        own_wear = wear_of(one)
        for offer in graph.listed(one.get("offers"))[:_MOST_OFFERS]:
            if isinstance(offer, dict):
                found += _asked(offer, graph, country, own_wear)
    return found[:_MOST_OFFERS]


def wear_of(node: Node) -> Wear:
    said = node.get("itemCondition")
    for one in said if isinstance(said, list) else [said]:
        name = one.get("@id", "") if isinstance(one, dict) else one
        if isinstance(name, str) and (wear := _WEARS.get(_last_part(name))):
            return wear
    return Wear.UNKNOWN


def _asked(offer: Node, graph: Graph, country: str | None, own_wear: Wear) -> Iterator[Asked]:
    wear = wear_of(offer)
    wear = own_wear if wear is Wear.UNKNOWN else wear
    prices = list(_prices(offer, graph, country))
    if not prices and "AggregateOffer" in types_of(offer):
        for inner in graph.listed(offer.get("offers"))[:_MOST_OFFERS]:
            # One level: an aggregate of aggregates is none.
            if isinstance(inner, dict):
                prices += _prices(inner, graph, country)
    for price in prices:
        yield Asked(price, wear)


def _prices(offer: Node, graph: Graph, country: str | None) -> Iterator[Money]:
    specified = [one for one in graph.listed(offer.get("priceSpecification")) if isinstance(one, dict)]
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
    return next(iter(value), None) if isinstance(value, list) else value


def _last_part(name: str) -> str:
    return name.rstrip("/").replace("#", "/").rpartition("/")[2].strip().lower()
