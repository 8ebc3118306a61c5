"""Google Lens and Google Shopping by way of SerpApi: their questions, answers and failures."""

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.lookups.providers.recorded import LENS, SHOPPING
from tests.unit.lookups.providers.scripted_asks import ASKED, PICTURE, ScriptedAsks, run, said
from veilgate.domain.lookups import Finding, Money, PageMatch, Wear
from veilgate.domain.provider_errors import (
    KeyRefused,
    LookupFailed,
    OutOfCredit,
    ProviderBroken,
    ProviderDown,
    ProviderThrottled,
    QuestionRefused,
)
from veilgate.lookups.ports import Answered
from veilgate.lookups.providers.google_lens import GoogleLens
from veilgate.lookups.providers.google_shopping import GoogleShopping
from veilgate.lookups.providers.serpapi import SerpApi
from veilgate.lookups.questions import Reply

KEY = "serpapi-secret"
NOTHING = said(
    {"search_metadata": {"status": "Success"}, "error": "Google Lens hasn't returned any results."}
)


def account(country: str = "us") -> SerpApi:
    return SerpApi(url="https://serpapi.example", key=KEY, country=country, language="en")


async def link() -> str:
    return "https://gate.example/shared/one-time?a=b"


def ask_lens(asks: ScriptedAsks, *, country: str = "us") -> Answered:
    return run(GoogleLens(asks, account(country)).ask(PICTURE, link, asked=ASKED))


def ask_shopping(asks: ScriptedAsks, text: str = "Acme Kestrel K2") -> Answered:
    return run(GoogleShopping(asks, account()).ask(text, asked=ASKED))


def test_lens_is_given_an_address() -> None:
    asks = ScriptedAsks(said(LENS))
    ask_lens(asks)
    (question,) = asks.questions
    assert (question.method, question.body, question.provider) == ("GET", None, "google_lens")
    assert dict(question.query) == {
        "engine": "google_lens",
        "type": "all",
        "country": "us",
        "hl": "en",
        "url": "https://gate.example/shared/one-time?a=b",
        "api_key": KEY,
    }
    assert question.parameters == "country=us&engine=google_lens&hl=en&type=all"
    assert "secret" not in repr(question)
    assert "shared" not in repr(question)


def test_lens_without_an_address_asks_nobody() -> None:
    asks = ScriptedAsks(said(LENS))
    with pytest.raises(QuestionRefused):
        run(GoogleLens(asks, account()).ask(PICTURE, None, asked=ASKED))
    assert asks.questions == []


def test_what_lens_finds() -> None:
    finding = ask_lens(ScriptedAsks(said(LENS))).finding
    assert [(name.text, name.score) for name in finding.names][:4] == [
        ("Acme Kestrel K2", 0.8),
        ("K2 in the test", 0.7),
        ("Acme Kestrel K2 Headphones - Acme", 0.6),
        ("Kestrel K2 | Kopfhoerer", 0.54),
    ]
    assert [(page.url, page.match, page.source) for page in finding.pages][:2] == [
        ("https://blog.example/k2", PageMatch.FULL, "Blog"),
        ("https://acme.example/k2", PageMatch.SIMILAR, "Acme"),
    ]
    assert [(offer.price, offer.wear) for offer in finding.offers] == [
        (Money(Decimal("129.00"), "USD"), Wear.UNKNOWN),
        (Money(Decimal("99.50"), "CAD"), Wear.UNKNOWN),
    ], "a dollar is that of the country where the shop is at home"


def test_a_dollar_is_that_of_the_country_asked_for() -> None:
    finding = ask_lens(ScriptedAsks(said(LENS)), country="au").finding
    assert [offer.price.currency for offer in finding.offers] == ["AUD", "CAD"]


def test_lens_that_found_nothing_is_asked_once_more() -> None:
    asks = ScriptedAsks(NOTHING, said(LENS))
    answered = ask_lens(asks)
    first, again = asks.questions
    assert "no_cache" not in first.query
    assert again.query["no_cache"] == "true"
    assert (first.sent_sha256, first.parameters) == (again.sent_sha256, again.parameters)
    assert answered.finding.pages
    assert (answered.bill.calls, answered.bill.cost_micros) == (2, 20), "both were paid"


def test_nothing_twice_is_an_answer() -> None:
    asks = ScriptedAsks(NOTHING)
    assert ask_lens(asks).finding == Finding("google_lens")
    assert len(asks.questions) == 2


def test_what_shops_ask() -> None:
    asks = ScriptedAsks(said(SHOPPING))
    finding = ask_shopping(asks).finding
    assert [(offer.link, offer.price.amount, offer.wear) for offer in finding.offers] == [
        ("https://store.example/k2", Decimal("119.00"), Wear.NEW),
        ("https://www.google.com/shopping/product/2", Decimal("80.00"), Wear.REFURBISHED),
        ("https://attic.example/k2", Decimal("60.00"), Wear.USED),
    ]
    (question,) = asks.questions
    assert (question.query["q"], question.query["direct_link"]) == ("Acme Kestrel K2", "true")
    assert "Kestrel" not in question.parameters
    assert question.sent_sha256 != PICTURE.sha256


def test_shopping_that_found_nothing_is_asked_once() -> None:
    asks = ScriptedAsks(said({"error": "Google Shopping hasn't returned any results for this query."}))
    assert ask_shopping(asks).finding == Finding("google_shopping")
    assert len(asks.questions) == 1


def said_error(text: Any, status: int) -> Reply:
    return said({"error": text}, status)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (said_error("Your account has run out of searches.", 429), OutOfCredit),
        (said_error("You are exceeding your hourly throughput limit.", 429), ProviderThrottled),
        (said_error("Invalid API key. Your API key should be here: https://serpapi.com/", 401), KeyRefused),
        (said_error("Forbidden", 403), KeyRefused),
        (said_error("Missing query `q` parameter.", 400), QuestionRefused),
        (said(None, 503, text="<html>"), ProviderDown),
        (said_error("We couldn't get valid results for this search.", 200), ProviderDown),
        (said_error("Your account has run out of searches.", 200), OutOfCredit),
        (said({"search_metadata": {"status": "Processing"}}), ProviderDown),
        (said(None, text="<html>"), ProviderBroken),
        (said("no object"), ProviderBroken),
    ],
)
def test_their_errors(reply: Reply, expected: type[LookupFailed]) -> None:
    for asking in (ask_lens, ask_shopping):
        with pytest.raises(LookupFailed) as failure:
            asking(ScriptedAsks(reply))
        assert type(failure.value) is expected
        assert "serpapi.com" not in failure.value.message
