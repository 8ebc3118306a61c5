"""Pages whose nodes refer to one another: however often, and however deep, what reading takes is bounded."""

import json
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as any_

from veilgate.domain.web_pages import WebPage
from veilgate.lookups.pages.product_markup import read_page

URL = "https://www.acme.example/k2"
# The slowest page here takes 130,000; one that multiplies takes as many as anybody waits for.
_MOST_CALLS = 300_000


def counted(source: str) -> WebPage:
    """The page, if reading it takes no more calls than it may: these do not differ between machines."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"
        assert calls < _MOST_CALLS

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        return read_page(URL, source)
    finally:
        sys.setprofile(before)


def block(*nodes: dict[str, Any]) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@graph": nodes})}</script>'


def many(name: str, times: int) -> list[dict[str, str]]:
    return [{"@id": name}] * times


SPECIFIED = {
    "@id": "#offer",
    "priceCurrency": "USD",
    "priceSpecification": [{"price": n} for n in range(1500)],
}
PRICELESS = {"@id": "#offer", "priceCurrency": "USD", "price": "x"}
AGGREGATE = {"@type": "AggregateOffer", "@id": "#all", "priceCurrency": "USD", "offers": many("#offer", 100)}
VARIANT = {"@type": "Thing", "@id": "#v", "offers": many("#all", 100)}
PRODUCT = {"@type": "Product", "name": "K2", "hasVariant": many("#v", 100)}
WORDLESS = {"@id": " ", "@type": "Brand", "name": "<b> " * 400}


@pytest.mark.parametrize(
    "nodes",
    [
        (SPECIFIED, AGGREGATE, VARIANT, PRODUCT),
        (PRICELESS, AGGREGATE, VARIANT, *([PRODUCT] * 100)),
        (WORDLESS, PRODUCT | {"brand": many(" ", 40_000), "material": many(" ", 40_000)}),
        (PRODUCT | {"@id": "#me", "hasVariant": many("#me", 100), "offers": many("#me", 100)},),
    ],
    ids=["prices", "none", "makers", "itself"],
)
def test_what_is_shared_at_every_level_does_not_multiply(nodes: tuple[dict[str, Any], ...]) -> None:
    found = counted(block(*nodes)).products
    assert found[0].name == "K2"
    assert all(len(one.prices) <= 100 for one in found)


def test_a_product_of_a_hundred_variants_has_all_their_prices() -> None:
    variants = [
        {
            "@type": "Product",
            "name": f"K2 {n}",
            "brand": {"@id": "#acme"},
            "offers": {"priceSpecification": [{"price": n, "priceCurrency": "EUR"}]},
        }
        for n in range(1, 100)
    ]
    maker = {"@id": "#acme", "@type": "Brand", "name": "Acme"}
    group = {"@type": "ProductGroup", "name": "K2", "hasVariant": variants, "brand": {"@id": "#acme"}}
    found = counted(block(maker, group)).products
    assert [int(price.amount) for price in found[0].prices] == list(range(1, 100))
    assert [(one.brand, len(one.prices)) for one in found[1:]] == [("Acme", 1)] * 99


@pytest.mark.parametrize("name", ["name", "brand", "material", "gtin", "description", "url", "offers"])
def test_a_list_in_a_list_in_a_list_is_no_text(name: str) -> None:
    """As deep as JSON can be read."""
    deep: list[Any] = []
    for _ in range(800):
        deep = [deep]
    assert counted(block({"@type": "Product", "sku": "1", name: deep})).products[0].specs == (("SKU", "1"),)


NAMES = any_.sampled_from(["#a", "#b", "#c", "#d"])
REFERENCES = any_.builds(many, NAMES, any_.integers(10, 60))
SHARED = any_.fixed_dictionaries(
    {
        "@id": NAMES,
        "@type": any_.sampled_from(["Product", "ProductGroup", "AggregateOffer", "Offer", "Brand"]),
        "hasVariant": REFERENCES,
        "offers": REFERENCES,
        "priceSpecification": REFERENCES,
    },
    optional=dict.fromkeys(("brand", "material", "additionalProperty", "mainEntity"), REFERENCES)
    | {"name": any_.just("K2"), "price": any_.sampled_from([1, "x"]), "priceCurrency": any_.just("EUR")},
)


# To make one smaller that multiplies takes minutes.
@settings(max_examples=40, phases=[Phase.generate])
@given(any_.lists(SHARED, min_size=2, max_size=6))
def test_no_way_of_sharing_is_too_much(nodes: list[dict[str, Any]]) -> None:
    counted(block({"@type": "Product", "name": "K2", "hasVariant": many("#a", 60)}, *nodes))
