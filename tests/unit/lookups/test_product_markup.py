"""Pages as makers and shops write them, good and bad: what they say of products, and no exception."""

import json
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as any_

from veilgate.domain.lookups import Money, Wear
from veilgate.domain.web_pages import MarkedProduct, Markup, WebPage
from veilgate.lookups.pages.html_text import html_text
from veilgate.lookups.pages.product_markup import read_page

URL = "https://www.acme.example/k2?from=mail"
PRODUCT = {
    "@context": "https://schema.org",
    "@type": "Product",
    "name": "Kestrel K2",
    "brand": {"@type": "Brand", "name": "Acme"},
    "offers": {"@type": "Offer", "price": "129.00", "priceCurrency": "EUR"},
}


def block(document: object) -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    return f'<script type="application/ld+json">{text}</script>'


def page(*parts: str, lang: str = "en") -> WebPage:
    return read_page(URL, f'<!doctype html><html lang="{lang}"><head>{"".join(parts)}</head></html>')


def product(document: object) -> MarkedProduct:
    (found,) = page(block(document)).products
    return found


def prices(offers: object, *, lang: str = "en") -> list[str]:
    found = page(block({**PRODUCT, "offers": offers}), lang=lang).products[0].prices
    return [f"{price.amount} {price.currency}" for price in found]


def test_a_product_is_read_with_all_that_it_says() -> None:
    found = product(
        PRODUCT
        | {
            "@type": ["Product", "IndividualProduct"],
            "model": {"@type": "ProductModel", "name": "K2"},
            "description": "Wireless &amp; <b>light</b>",
            "material": ["aluminium", "leather"],
            "gtin13": 4000000000008,
            "weight": {"@type": "QuantitativeValue", "value": 260, "unitCode": "GRM"},
            "additionalProperty": [
                {"@type": "PropertyValue", "name": "Driver", "value": 40, "unitText": "mm"}
            ],
        }
    )
    assert found == MarkedProduct(
        Markup.JSON_LD,
        name="Kestrel K2",
        is_main=True,
        brand="Acme",
        model="K2",
        description="Wireless & light",
        material="aluminium, leather",
        specs=(("GTIN", "4000000000008"), ("Weight", "260 g"), ("Driver", "40 mm")),
        prices=(Money(Decimal("129.00"), "EUR"),),
    )


@pytest.mark.parametrize(
    "document",
    [
        PRODUCT,
        [PRODUCT],
        [{"@type": "WebSite"}, [PRODUCT]],
        {"@context": "https://schema.org", "@graph": [{"@type": "WebSite"}, PRODUCT]},
        {"@graph": PRODUCT},
        PRODUCT | {"@type": "http://schema.org/Product", "brand": "Acme"},
        PRODUCT | {"@type": "schema:Product", "brand": [{"name": "Acme"}]},
        PRODUCT | {"brand": {"@id": "#b"}, "subjectOf": {"@id": "#b", "name": "Acme"}},
        f"<!--{json.dumps(PRODUCT)}-->",
        f"//<![CDATA[\n{json.dumps(PRODUCT)};\n//]]>",
        f"/* <![CDATA[ */{json.dumps(PRODUCT)}/* ]]> */",
        json.dumps(PRODUCT).replace("Kestrel K2", "Kestrel\tK2"),
        json.dumps(PRODUCT)[:-1] + ', "weight": NaN}',
    ],
)
def test_json_ld_is_read_in_every_shape(document: object) -> None:
    found = product(document)
    assert (found.name, found.brand, found.is_main) == ("Kestrel K2", "Acme", True)
    assert found.prices == (Money(Decimal("129.00"), "EUR"),)


@pytest.mark.parametrize(
    "bad", ["", "{", '{"@type": "Product", "name": "', "[" * 100_000, "null", "9" * 9000, "]]>;;;"]
)
def test_a_bad_block_loses_nothing_but_itself(bad: str) -> None:
    assert [one.name for one in page(block(bad), block(PRODUCT), block(bad)).products] == ["Kestrel K2"]


@pytest.mark.parametrize(
    ("offers", "expected"),
    [
        ({"price": 129, "priceCurrency": "EUR"}, ["129.00 EUR"]),
        ([{"price": "1.299,00", "priceCurrency": "EUR"}], ["1299.00 EUR"]),
        ({"price": "129 €"}, ["129.00 EUR"]),
        (
            {"@type": "AggregateOffer", "lowPrice": 99, "highPrice": "129.00", "priceCurrency": "EUR"},
            ["99.00 EUR", "129.00 EUR"],
        ),
        ({"@type": "AggregateOffer", "offers": [{"price": "99", "priceCurrency": "EUR"}]}, ["99.00 EUR"]),
        (
            {
                "priceSpecification": [
                    {"price": "149", "priceType": "https://schema.org/ListPrice"},
                    {"price": "159", "priceType": "StrikethroughPrice"},
                    {"price": "129", "priceCurrency": "EUR"},
                ]
            },
            ["129.00 EUR"],
        ),
        ({"price": "0", "priceCurrency": "EUR"}, []),
        ({"price": "129", "priceCurrency": "XXX"}, []),
        ("https://acme.example/buy", []),
        (
            [
                {"price": "60", "priceCurrency": "EUR", "itemCondition": "https://schema.org/UsedCondition"},
                {"price": "129", "priceCurrency": "EUR", "itemCondition": "NewCondition"},
            ],
            ["129.00 EUR"],
        ),
    ],
)
def test_prices_are_those_that_are_asked_for_new_ones(offers: object, expected: list[str]) -> None:
    assert prices(offers) == expected


def test_signs_are_read_by_the_page_s_country() -> None:
    offer = {"price": "$129"}
    assert [prices(offer, lang=lang) for lang in ("en-AU", "en")] == [["129.00 AUD"], ["129.00 USD"]]


def test_a_page_that_sells_used_ones_alone_says_so() -> None:
    found = product(PRODUCT | {"itemCondition": "https://schema.org/UsedCondition"})
    assert (found.wear, len(found.prices)) == (Wear.USED, 1)


def test_related_products_are_not_what_the_page_is_about() -> None:
    other = PRODUCT | {"name": "Kestrel K9"}
    inside = page(block(PRODUCT | {"isRelatedTo": [other]})).products
    assert [(one.name, one.is_main) for one in inside] == [("Kestrel K2", True), ("Kestrel K9", False)]
    beside = page(block([other, PRODUCT | {"url": "https://acme.example/k2?from=mail#x"}])).products
    assert [(one.name, one.is_main) for one in beside] == [("Kestrel K9", False), ("Kestrel K2", True)]
    named = page(block([other, {"@type": "WebPage", "mainEntity": {"@id": "#k2"}}, PRODUCT | {"@id": "#k2"}]))
    assert [(one.name, one.is_main) for one in named.products] == [
        ("Kestrel K9", False),
        ("Kestrel K2", True),
    ]


def test_variants_have_their_prices_together() -> None:
    variants = [
        {"@type": "Product", "name": f"K2 {n}", "offers": {"price": n, "priceCurrency": "EUR"}}
        for n in (9, 8)
    ]
    group = page(block({"@type": "ProductGroup", "name": "Kestrel K2", "hasVariant": variants})).products[0]
    assert (group.is_main, [int(price.amount) for price in group.prices]) == (True, [9, 8])


def test_microdata_is_read_and_what_is_struck_through_is_not() -> None:
    (found,) = page(
        '<div itemscope itemtype="https://schema.org/Product"><h1 itemprop=name>Acme <b>Kestrel</b> K2</h1>'
        '<p itemprop="brand" itemscope itemtype="http://schema.org/Brand">'
        "<meta itemprop=name content=Acme></p><ul>"
        "<li itemprop=additionalProperty itemscope><i itemprop=name>Driver</i><i itemprop=value>40 mm</i>"
        "<li itemprop=additionalProperty itemscope><i itemprop=name>Colour</i><i itemprop=value>red</i></ul>"
        '<span itemprop=offers itemscope itemtype="http://schema.org/Offer"><del itemprop=price>149</del>'
        '<s>was <b itemprop=price>159</b></s><b itemprop=price content="129.00">129,00</b>'
        "<meta itemprop=priceCurrency content=EUR></span></div>"
    ).products
    assert (found.markup, found.name, found.brand) == (Markup.MICRODATA, "Acme Kestrel K2", "Acme")
    assert found.specs == (("Driver", "40 mm"), ("Colour", "red"))
    assert found.prices == (Money(Decimal("129.00"), "EUR"),)


def test_what_nobody_can_store_is_not_in_any_text() -> None:
    bad = "a \ud83d\x00\x1b b"
    told = product(PRODUCT | dict.fromkeys(("name", "brand", "model", "description", "material", "sku"), bad))
    assert (told.name, told.brand, told.model, told.description, told.material) == ("a b",) * 5
    assert told.specs == (("SKU", "a b"),)
    assert html_text(b"a\x00\xc2\x9fb\tc\r\nd", "text/html") == "a  b\tc\r\nd"


def test_metas_are_read_by_property_and_by_name() -> None:
    (found,) = page(
        '<meta property="og:title" content="Kestrel K2"><meta name="product:brand" content="Acme">'
        '<meta property="product:price:amount" content="129,00">'
        '<meta property="product:price:currency" content="EUR">'
        '<meta property="product:price:amount" content="139.00">'
        '<meta property="product:price:currency" content="USD">'
        '<meta property="og:price:amount" content="1">'
    ).products
    assert (found.markup, found.name, found.brand) == (Markup.OPEN_GRAPH, "Kestrel K2", "Acme")
    assert [price.currency for price in found.prices] == ["EUR", "USD"]


def test_a_page_speaks_for_its_own_site_alone() -> None:
    own = page('<title>\n Acme Kestrel K2 | Acme</title><link rel="canonical" href="/k2">')
    assert (own.url, own.title) == ("https://www.acme.example/k2", "Acme Kestrel K2")
    for elsewhere in ("https://bank.example/", "javascript:alert(1)", "http://[", "//evil.example/x"):
        assert page(f'<link rel=canonical href="{elsewhere}">').url == URL


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("é".encode(), "text/html; charset=utf-8"),
        ("é".encode("latin-1"), "text/html; charset=ISO-8859-1"),
        ("é".encode("latin-1"), "text/html"),
        ('<meta charset="iso-8859-15">é'.encode("iso-8859-15"), "text/html"),
        ("\ufeffé".encode("utf-16"), "text/html; charset=utf-8"),
        ("é".encode(), "text/html; charset=idna"),
        ("é".encode(), "text/html; charset=no-such"),
        ("é".encode(), "text/html; charset=base64"),
    ],
)
def test_the_encoding_is_that_of_mark_header_or_meta(body: bytes, content_type: str) -> None:
    assert html_text(body, content_type).endswith("é")


@pytest.mark.parametrize(
    "hostile",
    [
        "<div>",
        "<a b='",
        '<a "',
        "<!--",
        "<p itemscope itemprop=x>",
        "<b>" * 50 + "</x>",
        "&#",
        "<a " + "= " * 9,
    ],
)
def test_a_megabyte_of_anything_is_read_in_a_moment(hostile: str) -> None:
    began_s = time.process_time()
    read_page(URL, hostile * (1_000_000 // len(hostile)) + "9" * 5000)
    # The slowest takes 0.8 s where nothing else runs; what is quadratic takes minutes.
    assert time.process_time() - began_s < 15


JSON = any_.recursive(
    any_.none() | any_.booleans() | any_.floats() | any_.integers() | any_.text(max_size=20),
    lambda inner: (
        any_.lists(inner, max_size=4)
        | any_.dictionaries(
            any_.sampled_from(
                ["@type", "@id", "@graph", "name", "offers", "price", "hasVariant", "brand", "material"]
            ),
            inner | any_.sampled_from(["Product", "AggregateOffer", "#a"]),
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(JSON, any_.text(max_size=200))
def test_no_json_and_no_text_is_too_much(document: object, text: str) -> None:
    found = page(
        block(json.dumps({"@type": "Product", "name": "K2", "offers": document})), block([document]), text
    )
    assert all(price.amount > 0 for one in found.products for price in one.prices)
