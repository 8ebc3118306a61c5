"""Pages of makers and shops over real HTTP: from what a provider found to the details of the product."""

import asyncio
from typing import Any

import pytest

from tests.stubs.desks import Trouble
from tests.stubs.serving import Stubs
from tests.stubs.world import PRODUCTS, Product
from tests.unit.lookups.fetching import Names
from veilgate.domain.addresses import Reachable
from veilgate.domain.lookups import Finding, FoundPage, PageMatch
from veilgate.domain.outcomes import OutcomeKind
from veilgate.domain.products import IdentifiedProduct
from veilgate.domain.provider_errors import PageUnreadable
from veilgate.lookups.pages.page_reader import WebPageReader
from veilgate.lookups.safe_fetch import SafeFetch
from veilgate.stages.find_producer_page import FindProducerPage
from veilgate.stages.lookup_contract import LookupWork
from veilgate.stages.read_retail_details import ReadRetailDetails

BY_MARKUP = [
    next(one for one in PRODUCTS if one.markup == markup) for markup in ("json-ld", "microdata", "opengraph")
]


def reader(stubs: Stubs) -> WebPageReader:
    reachable = Reachable.parse(stubs.settings()["FETCH_ALLOW"])
    return WebPageReader(SafeFetch(reachable, Names().resolve))


async def details(stubs: Stubs, product: Product) -> dict[str, Any]:
    """What is read of the product where a provider found its page."""
    page = FoundPage(stubs.world.maker_page(product), product.name, PageMatch.FULL, source=product.make)
    work = LookupWork("job", "image", "owner", 1, "key")
    work.products["identify_product"] = IdentifiedProduct(product.name, product.make, product.model, 0.8)
    work.products["google_lens"] = Finding("google_lens", pages=(page,))
    for stage in (FindProducerPage(reader(stubs)), ReadRetailDetails()):
        outcome = await stage.run(work)
        assert outcome.kind is OutcomeKind.PRODUCED, outcome
        work.products[stage.name] = outcome.product
    return dict(outcome.report)


@pytest.mark.parametrize("product", BY_MARKUP, ids=lambda one: one.markup)
def test_the_maker_s_page_gives_the_details(stub_world: Stubs, product: Product) -> None:
    found = asyncio.run(details(stub_world, product))
    assert found["producer_url"] == stub_world.world.maker_page(product)
    assert found["price"] == {"amount": str(product.retail), "currency": "USD"}
    assert found["original_name"] == product.name
    assert found["description"] == product.description
    assert found["sources"]["price"] == product.markup
    assert found["sources"]["producer_url"] == "maker"
    if product.markup != "opengraph":
        assert set(product.specs) <= set(found["specs"].items())
        assert set(product.material.split(" and ")) <= set(
            found["material"].replace(" and ", ", ").split(", ")
        )


def test_what_is_for_no_robots_is_not_read(stub_world: Stubs) -> None:
    url = stub_world.world.maker_page(PRODUCTS[0]).replace("/acme/", "/private/acme/")
    with pytest.raises(PageUnreadable, match="robots"):
        asyncio.run(reader(stub_world).read(url))
    assert [sent.path for sent in stub_world.desks["producer_site"].received] == ["/robots.txt"]


def test_a_broken_site_says_so(stub_world: Stubs) -> None:
    stub_world.desks["producer_site"].behave(Trouble.BROKEN)
    with pytest.raises(PageUnreadable, match="500"):
        asyncio.run(reader(stub_world).read(stub_world.world.maker_page(PRODUCTS[0])))
