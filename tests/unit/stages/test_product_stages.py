"""From findings to a product, its page, its details, offers and price: each stage on work made by hand."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from veilgate.domain.lookups import (
    Bill,
    Finding,
    FoundPage,
    Money,
    Offer,
    PageMatch,
    ProductName,
    Wear,
)
from veilgate.domain.outcomes import Outcome, OutcomeKind
from veilgate.domain.products import IdentifiedProduct, ProducerPage, RetailDetails
from veilgate.domain.provider_errors import PageUnreadable, ProviderDown
from veilgate.domain.web_pages import MarkedProduct, Markup, WebPage
from veilgate.lookups.ports import Refined, RefinedPrice
from veilgate.stages.estimate_price import EstimatePrice
from veilgate.stages.find_producer_page import FindProducerPage
from veilgate.stages.find_second_hand_offers import FindSecondHandOffers
from veilgate.stages.identify_product import IdentifyProduct
from veilgate.stages.lookup_contract import LookupStage, LookupWork
from veilgate.stages.read_retail_details import ReadRetailDetails

K2 = IdentifiedProduct("Acme Kestrel K2", "Acme", "Kestrel K2", 0.8)
NAMED = Finding("vision_model", names=(ProductName("Acme Kestrel K2", 0.8, "Acme", "Kestrel K2"),))
NAMED_TOO = Finding(
    "google_lens", pages=(FoundPage("https://a.example/", "Acme Kestrel K2", PageMatch.FULL),)
)


def euros(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def offer(amount: str, title: str = "Acme Kestrel K2", wear: Wear = Wear.USED, link: str = "") -> Offer:
    return Offer(euros(amount), link or f"https://www.ebay.com/itm/{amount}", title, wear)


def offers(*amounts: str) -> Finding:
    return Finding("ebay_search", offers=tuple(offer(amount) for amount in amounts))


def outcome(stage: LookupStage, *products: object) -> Outcome:
    work = LookupWork("job", "image", "owner", 1, "key")
    work.products.update({str(place): product for place, product in enumerate(products)})
    return asyncio.run(stage.run(work))


def report(stage: LookupStage, *products: object) -> dict[str, Any]:
    found = outcome(stage, *products)
    assert found.kind is OutcomeKind.PRODUCED
    return dict(found.report)


class Model:
    """A refiner that says what the test wants, and keeps what it was asked."""

    name = "vision_model"

    def __init__(
        self, *, named: ProductName | None = None, price: Money | None = None, down: bool = False
    ) -> None:
        self._named, self._price, self._down = named, price, down
        self.bounds: tuple[Decimal, Decimal, str] | None = None

    async def choose_name(self, *_: object, **__: object) -> Refined:
        self._answer()
        return Refined(self._named, Bill(1, 0, 2000))

    async def judge_price(self, *given: Any, **__: object) -> RefinedPrice:
        self.bounds = given[2]
        self._answer()
        return RefinedPrice(self._price, "worn", Bill(1, 0, 2000))

    def _answer(self) -> None:
        if self._down:
            error = ProviderDown()
            error.bill = Bill(calls=3)
            raise error


class Pages:
    """A reader of these pages; others cannot be read."""

    def __init__(self, **pages: WebPage) -> None:
        self._pages = {f"https://{host.replace('_', '.')}/k2": page for host, page in pages.items()}
        self.asked: list[str] = []

    async def read(self, url: str) -> WebPage:
        self.asked.append(url)
        if url not in self._pages:
            raise PageUnreadable("gone")
        return self._pages[url]


def test_without_providers_it_says_what_to_set() -> None:
    found = outcome(IdentifyProduct(refiner=None, missing_settings=["SERPAPI_API_KEY"]))
    assert (found.reason, found.report) == ("no_provider", {"settings": ["SERPAPI_API_KEY"]})
    assert outcome(IdentifyProduct(refiner=None), Finding("google_lens")).reason == "nothing_recognised"


def test_what_is_agreed_on_is_reported_with_its_reasons() -> None:
    found = report(IdentifyProduct(refiner=None), NAMED, NAMED_TOO)
    assert (found["make"], found["model"], found["name"]) == ("Acme", "Kestrel K2", "Acme Kestrel K2")
    assert {one["provider"] for one in found["because"]} == {"vision_model", "google_lens"}
    assert "cost" not in found


def test_a_model_words_the_name_and_adds_nothing() -> None:
    cleaner = report(IdentifyProduct(refiner=Model(named=ProductName("Kestrel K2", 1, "Acme"))), NAMED)
    assert (cleaner["name"], cleaner["make"], cleaner["cost"]["calls"]) == ("Kestrel K2", "Acme", 1)
    for model in (Model(named=ProductName("Acme Kestrel K3", 1)), Model(), Model(named=ProductName("!", 1))):
        kept = report(IdentifyProduct(refiner=model), NAMED)
        assert kept["name"] == "Acme Kestrel K2"
        assert "none" in kept["because"][-1]["text"]
    down = report(IdentifyProduct(refiner=Model(down=True)), NAMED)
    assert (down["name"], down["cost"]["calls"]) == ("Acme Kestrel K2", 3)
    assert "provider_down" in down["because"][-1]["text"]


def found_pages(*urls: str) -> Finding:
    return Finding("google_lens", pages=tuple(FoundPage(url, K2.name, PageMatch.SIMILAR) for url in urls))


def test_the_maker_s_own_page_is_preferred_to_a_shop_s() -> None:
    pages = Pages(
        shop_example=WebPage("https://shop.example/k2", K2.name),
        acme_com=WebPage("https://acme.com/k2", K2.name),
    )
    urls = [
        "https://shop.example/k2",
        "https://www.ebay.com/itm/1",
        "https://youtube.com/1",
        "https://acme.com/k2",
    ]
    found = report(FindProducerPage(pages), K2, found_pages(*urls))
    assert (found["url"], found["because"]["makers_own"]) == ("https://acme.com/k2", True)
    shop = report(FindProducerPage(pages), K2, found_pages(*urls[:3]))
    assert (shop["url"], shop["because"]["makers_own"]) == ("https://shop.example/k2", False)
    assert shop["confidence"] < found["confidence"]
    assert pages.asked == ["https://acme.com/k2", "https://shop.example/k2"]


def test_at_most_three_pages_are_asked_for_and_none_that_is_about_something_else() -> None:
    pages = Pages(acme_com=WebPage("https://acme.com/", "Acme: all our products"))
    urls = [f"https://shop{n}.example/k2" for n in range(5)]
    found = outcome(FindProducerPage(pages), K2, found_pages("https://acme.com/k2", *urls))
    assert found.reason == "no_page_found"
    assert [one["url"] for one in found.report["unread"]] == ["https://acme.com/k2", *urls[:2]] == pages.asked


def test_a_redirect_to_another_house_is_not_the_maker_s_page() -> None:
    pages = Pages(acme_com=WebPage("https://reseller.example/k2", K2.name))
    assert not report(FindProducerPage(pages), K2, found_pages("https://acme.com/k2"))["because"][
        "makers_own"
    ]


PAGE = ProducerPage(
    WebPage(
        "https://acme.com/k2",
        K2.name,
        (
            MarkedProduct(Markup.JSON_LD, "Kestrel K3", prices=(euros("1"),)),
            MarkedProduct(Markup.JSON_LD, "Kestrel K2", is_main=True, material="leather"),
            MarkedProduct(
                Markup.OPEN_GRAPH,
                "K2 by Acme Kestrel",
                is_main=True,
                description="Light.",
                prices=(euros("129.00"),),
            ),
        ),
    ),
    is_makers=True,
    confidence=0.9,
)


def test_details_are_read_from_what_is_meant_and_say_where_from() -> None:
    assert report(ReadRetailDetails(), K2, PAGE) == {
        "producer_url": "https://acme.com/k2",
        "price": {"amount": "129.00", "currency": "EUR"},
        "original_name": "Kestrel K2",
        "description": "Light.",
        "material": "leather",
        "specs": {},
        "sources": {
            "producer_url": "maker",
            "price": "opengraph",
            "original_name": "json-ld",
            "description": "opengraph",
            "material": "json-ld",
        },
    }


def test_a_page_that_tells_of_other_products_alone_gives_no_details() -> None:
    others = (MarkedProduct(Markup.JSON_LD, "Kestrel K3", material="gold", prices=(euros("1"),)),)
    page = ProducerPage(WebPage("https://acme.com/k2", K2.name, others), is_makers=False, confidence=0.4)
    found = report(ReadRetailDetails(), K2, page)
    assert (found["price"], found["material"], found["sources"]) == (None, None, {"producer_url": "shop"})


def test_without_a_price_on_the_page_shops_are_believed() -> None:
    shopping = Finding(
        "google_shopping",
        offers=(
            *(offer(amount, wear=Wear.NEW) for amount in ("119", "149", "125")),
            offer("5", "Case for Acme Kestrel K2", Wear.NEW),
            offer("60"),
        ),
    )
    found = report(ReadRetailDetails(), K2, shopping)
    assert (found["price"]["amount"], found["sources"]) == ("125", {"price": "google_shopping"})
    assert outcome(ReadRetailDetails(), K2).reason == "no_details"


def test_used_ones_that_fit_are_listed_once_the_cheapest_first() -> None:
    told = Finding(
        "ebay_image",
        offers=(
            offer("60", link="https://www.ebay.com/itm/1?ref=x&utm_source=y"),
            offer("60", link="https://ebay.com/itm/1"),
            offer("50"),
            offer("10", wear=Wear.FOR_PARTS),
            offer("9", "Case for Acme Kestrel K2"),
            offer("119", wear=Wear.NEW),
        ),
    )
    found = report(FindSecondHandOffers(), K2, told)
    assert [one["price"]["amount"] for one in found["offers"]] == ["50", "60"]
    assert found["left_out"] == {"does_not_fit": 1, "told_twice": 1, "wear_for_parts": 1, "wear_new": 1}
    many = report(FindSecondHandOffers(), K2, offers(*(str(amount) for amount in range(10, 60))))
    assert (len(many["offers"]), many["count"]) == (20, 50)
    assert outcome(FindSecondHandOffers(), K2, Finding("ebay_image")).reason == "no_offers"


def estimated(stage: EstimatePrice, *amounts: str, new: str | None = "100") -> dict[str, Any]:
    second_hand = outcome(FindSecondHandOffers(), K2, offers(*amounts)).product
    details = RetailDetails(price=euros(new)) if new else None
    return report(stage, K2, second_hand, details)


def test_the_estimate_shows_how_it_was_reckoned() -> None:
    found = estimated(EstimatePrice(refiner=None), "48", "52", "55", "58", "60", "500")
    assert (found["price"], found["currency"]) == ("55.00", "EUR")
    assert Decimal(found["min_range"]) < 55 < Decimal(found["max_range"])
    working = found["working"]
    assert [one["amount"] for one in working["used"]] == ["48", "52", "55", "58", "60", "55.00"]
    assert [one["reason"] for one in working["left_out"]] == ["too_high"]
    assert set(working["certainty"]) == {"count", "spread", "agreement"}
    assert outcome(EstimatePrice(refiner=None), K2).reason == "too_few_prices"


@pytest.mark.parametrize(
    ("model", "price", "told"),
    [
        (Model(price=euros("52.00")), "52.00", "reason"),
        (Model(price=euros("5000")), "55.00", "kept"),
        (Model(price=Money(Decimal(52), "USD")), "55.00", "kept"),
        (Model(), "55.00", "kept"),
        (Model(down=True), "55.00", "kept"),
    ],
    ids=["within", "outside", "another currency", "nothing", "down"],
)
def test_a_model_moves_the_price_within_the_range_only(model: Model, price: str, told: str) -> None:
    found = estimated(EstimatePrice(refiner=model), "48", "52", "55", "58", "60")
    assert found["price"] == price
    assert told in found["working"]["refined"]
    assert found["cost"]["calls"] >= 1
    assert model.bounds == (Decimal(found["min_range"]), Decimal(found["max_range"]), "EUR")
