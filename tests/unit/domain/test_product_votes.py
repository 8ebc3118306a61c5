"""What the providers agree on, whoever speaks first; and what a title says of a product."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as any_

from veilgate.domain.lookups import Finding, FoundPage, Label, Money, Offer, PageMatch, ProductName, Wear
from veilgate.domain.product_names import cleaned_title, fit, name_words
from veilgate.domain.product_votes import LEAST_CONFIDENCE, candidates_in

VISION = Finding(
    "google_vision",
    labels=(Label("Headphones", 0.97), Label("Audio equipment", 0.8)),
    names=(ProductName("acme kestrel k2", 0.7), ProductName("Headphones", 0.9)),
    pages=(FoundPage("https://acme.com/k2", "Acme <b>Kestrel K2</b> | Acme", PageMatch.FULL),),
)
LENS = Finding(
    "google_lens",
    pages=tuple(
        FoundPage(f"https://site{place}.example/", title, PageMatch.SIMILAR)
        for place, title in enumerate(
            ["Acme Kestrel K2 review", "Kestrel K2 by Acme", "Acme Kestrel K3", "Zorbo Z9 - eBay"]
        )
    ),
)
AZURE = Finding("azure_vision", caption="a pair of headphones on a table", labels=(Label("headphones"),))
MODEL = Finding("vision_model", names=(ProductName("Acme Kestrel K2", 0.8, "Acme", "Kestrel K2"),))
EBAY = Finding(
    "ebay_image",
    offers=(
        Offer(Money(Decimal(54), "USD"), "https://ebay.com/1", "Acme Kestrel K2, used", Wear.USED),
        Offer(Money(Decimal(9), "USD"), "https://ebay.com/2", "Case for Acme Kestrel K2", Wear.NEW),
    ),
)
ALL = (VISION, LENS, AZURE, MODEL, EBAY)


def test_the_agreed_name_wins() -> None:
    best = candidates_in(ALL)[0]
    assert (best.name, best.make, best.model) == ("Acme Kestrel K2", "Acme", "Kestrel K2")
    assert best.confidence > 0.7
    assert {one.provider for one in best.because} >= {"google_vision", "google_lens", "vision_model"}


def test_a_sure_provider_alone_does_not_outvote_the_others() -> None:
    wrong = Finding("vision_model", names=(ProductName("Zorbo Z9", 1.0, "Zorbo", "Z9"),))
    assert candidates_in((VISION, LENS, wrong, EBAY))[0].name == "Acme Kestrel K2"


def test_agreement_makes_sure() -> None:
    alone, two, all_of_them = (candidates_in(said)[0] for said in ((MODEL,), (MODEL, EBAY), ALL))
    assert alone.confidence < two.confidence < all_of_them.confidence
    assert alone.confidence < 0.5
    # Both of Google's look into one index.
    assert candidates_in((VISION, LENS))[0].confidence < 0.6


@settings(max_examples=30)
@given(any_.permutations(ALL))
def test_the_order_of_answers_changes_nothing(said: list[Finding]) -> None:
    assert candidates_in(said) == candidates_in(ALL)


@pytest.mark.parametrize(
    "said",
    [
        (),
        (AZURE,),
        (Finding("google_vision", names=(ProductName("Headphones", 0.9),), labels=(Label("Headphones"),)),),
        (
            Finding(
                "google_lens",
                pages=tuple(
                    FoundPage(f"https://a{n}.example/", f"Thing{n} of{n}", PageMatch.SIMILAR)
                    for n in range(20)
                ),
            ),
        ),
    ],
    ids=["nothing", "a sort of thing", "a sort of thing as a name", "everything else"],
)
def test_what_nobody_knows_is_not_named(said: tuple[Finding, ...]) -> None:
    assert candidates_in(said) == ()


def test_what_many_titles_say_beside_the_name_is_no_part_of_it() -> None:
    titles = [f"Acme Kestrel K2 extra{n % 9} bonus{n * 7 % 10}" for n in range(60)]
    pages = tuple(
        FoundPage(f"https://a{n}.example/", title, PageMatch.SIMILAR) for n, title in enumerate(titles)
    )
    assert candidates_in((Finding("google_lens", pages=pages),))[0].name == "Acme Kestrel K2"


def test_sorts_of_things_are_left_out_where_enough_is_left() -> None:
    labels = (Label("Headphones"), Label("Walkman"))
    for said, name in (("Acme Kestrel K2 headphones", "Acme Kestrel K2"), ("Acme Walkman", "Acme Walkman")):
        named = Finding("vision_model", names=(ProductName(said, 0.8),), labels=labels)
        assert candidates_in((named,))[0].name == name


def test_a_make_is_read_off_its_own_site() -> None:
    page = FoundPage("https://www.acme.com/k2", "Acme Kestrel K2 Headphones", PageMatch.FULL)
    best = candidates_in((Finding("google_vision", pages=(page,), labels=(Label("Headphones"),)),))[0]
    assert (best.make, best.model) == ("Acme", "Kestrel K2")


TEXTS = any_.text(max_size=30) | any_.sampled_from(["Acme K2", "acme k2 pro", "K2 | eBay", "<b>"])
FINDINGS = any_.builds(
    Finding,
    any_.sampled_from(["google_lens", "ebay_image", "vision_model"]),
    caption=any_.none() | TEXTS,
    labels=any_.lists(any_.builds(Label, TEXTS, any_.none() | any_.floats(0, 1)), max_size=3).map(tuple),
    names=any_.lists(any_.builds(ProductName, TEXTS, any_.floats(0, 1), any_.none() | TEXTS), max_size=3).map(
        tuple
    ),
    pages=any_.lists(any_.builds(FoundPage, TEXTS, TEXTS, any_.sampled_from(PageMatch)), max_size=3).map(
        tuple
    ),
)


@settings(max_examples=50)
@given(any_.lists(FINDINGS, max_size=4))
def test_whatever_is_said_makes_names_or_none(said: list[Finding]) -> None:
    found = candidates_in(said)
    assert all(LEAST_CONFIDENCE <= one.confidence <= 1 and one.name and one.because for one in found)
    assert found == candidates_in(said[::-1])


@pytest.mark.parametrize(
    ("title", "cleaned"),
    [
        ("Acme <b>Kestrel K2</b> | Acme", "Acme Kestrel K2"),
        ("Acme Kestrel K2 Headphones - Acme", "Acme Kestrel K2 Headphones"),
        ("Acme WH-1000XM4 for sale | eBay", "Acme WH-1000XM4 for sale"),
        ("Amazon.com: Acme K2", "Acme K2"),
        ("Tom &amp; Co. K2 – thomann.de", "Tom & Co. K2"),
        ("eBay", "eBay"),
        (" | - ", ""),
    ],
)
def test_shops_are_no_part_of_a_name(title: str, cleaned: str) -> None:
    assert cleaned_title(title) == cleaned


@pytest.mark.parametrize(
    ("title", "fits"),
    [
        ("Acme Kestrel K2 used, very good", True),
        ("acme kestrel K-2 headphones", True),
        ("ACME Kestrel K 2", True),
        ("Acme Kestrel K2 with case and cable", True),
        ("Acme Kestrel K2, new in box", True),
        ("Case for Acme Kestrel K2", False),
        ("Acme Kestrel K3", False),
        ("Acme Kestrel K20", False),
        ("Acme Kestrel K2 Pro", False),
        ("Acme Kestrel", False),
        ("", False),
    ],
)
def test_a_title_fits_its_product_alone(title: str, fits: bool) -> None:
    assert (fit(title, "Acme Kestrel K2") >= 0.6) is fits


def test_a_hyphen_makes_no_other_model() -> None:
    assert name_words("Sony WH-1000XM4") == name_words("sony WH1000XM4") == ("sony", "wh1000xm4")
    assert fit("Sony WH 1000XM4", "Sony WH-1000XM4") == 1.0
