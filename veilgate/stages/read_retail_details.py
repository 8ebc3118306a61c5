"""Reads what the product is and costs when new: from its page's markup, else its price from shops."""

from collections.abc import Callable
from typing import Any, TypeVar

from veilgate.domain.fitting_offers import fitting_offers
from veilgate.domain.lookups import Finding, Money, Wear
from veilgate.domain.outcomes import Outcome
from veilgate.domain.prices import as_json
from veilgate.domain.products import IdentifiedProduct, ProducerPage, RetailDetails
from veilgate.domain.retail_details import asked_for_new, products_meant, typical
from veilgate.domain.web_pages import MarkedProduct
from veilgate.stages.identify_product import NOTHING_RECOGNISED
from veilgate.stages.lookup_contract import LookupWork

NO_DETAILS = "no_details"
_NEW = frozenset({Wear.NEW})

T = TypeVar("T")


class ReadRetailDetails:
    """Each value is the first that anybody gives, the most trusted asked first, and its source is told."""

    name = "read_retail_details"

    async def run(self, work: LookupWork) -> Outcome:
        product = work.get(IdentifiedProduct)
        if product is None:
            return Outcome.skipped(NOTHING_RECOGNISED)
        found = work.get(ProducerPage)
        marked = _Marked(products_meant(found.page, product) if found else [])
        price = marked.first("price", _price) or _asked_by_shops(work, product, marked.sources)
        if found:
            marked.sources["producer_url"] = "maker" if found.is_makers else "shop"
        details = RetailDetails(
            producer_url=found.page.url if found else None,
            price=price,
            original_name=marked.first("original_name", lambda one: one.name),
            description=marked.first("description", lambda one: one.description),
            material=marked.first("material", lambda one: one.material),
            specs=dict(marked.first("specs", lambda one: one.specs) or ()),
        )
        if details == RetailDetails():
            return Outcome.skipped(NO_DETAILS)
        return Outcome.produced(details, {**_report(details), "sources": marked.sources})


class _Marked:
    """Asks what the page says, in the order of trust, and keeps who said it."""

    def __init__(self, products: list[MarkedProduct]) -> None:
        self._products = products
        self.sources: dict[str, str] = {}

    def first(self, field: str, read: Callable[[MarkedProduct], T | None]) -> T | None:
        for one in self._products:
            if value := read(one):
                self.sources[field] = one.markup.value
                return value
        return None


def _price(product: MarkedProduct) -> Money | None:
    return typical(product.prices) if product.wear in {Wear.NEW, Wear.UNKNOWN} else None


def _asked_by_shops(work: LookupWork, product: IdentifiedProduct, sources: dict[str, str]) -> Money | None:
    offers = [(finding.provider, offer) for finding in work.every(Finding) for offer in finding.offers]
    fitting = fitting_offers(offers, product, _NEW).offers
    price = typical(asked_for_new(fitting))
    if price is not None:
        sources["price"] = ", ".join(sorted({one.provider for one in fitting}))
    return price


def _report(details: RetailDetails) -> dict[str, Any]:
    return {
        "producer_url": details.producer_url,
        "price": as_json(details.price) if details.price else None,
        "original_name": details.original_name,
        "description": details.description,
        "material": details.material,
        "specs": dict(details.specs),
    }
