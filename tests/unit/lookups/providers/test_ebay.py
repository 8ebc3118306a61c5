"""eBay by picture and by text: one token for all, what is for sale, and warnings that are failures."""

import asyncio
import base64
import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.unit.lookups.providers.recorded import EBAY, TOKEN
from tests.unit.lookups.providers.scripted_asks import ASKED, BYTES, PICTURE, ScriptedAsks, run, said
from veilgate.domain.lookups import Finding, Money, Wear
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
from veilgate.lookups.providers.ebay import Ebay
from veilgate.lookups.providers.ebay_image import EbayImage
from veilgate.lookups.providers.ebay_search import EbaySearch
from veilgate.lookups.providers.ebay_tokens import EbayTokens
from veilgate.lookups.questions import Reply

URL = "https://api.ebay.example"
MINTED, FOUND = said(TOKEN), said(EBAY)
REFUSED = said({"errors": [{"errorId": 1001, "message": "Invalid access token"}]}, 401)


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def ebay(asks: ScriptedAsks, clock: Clock | None = None) -> Ebay:
    tokens = EbayTokens(asks, url=URL, client_id="app", client_secret="s3cret", clock=clock or Clock())
    return Ebay(asks, tokens, url=URL, marketplace="EBAY_GB")


def by_image(asks: ScriptedAsks) -> Answered:
    return run(EbayImage(ebay(asks)).ask(PICTURE, None, asked=ASKED))


def by_text(asks: ScriptedAsks, text: str = "Acme Kestrel K2") -> Answered:
    return run(EbaySearch(ebay(asks)).ask(text, asked=ASKED))


def test_the_picture_is_sent_with_a_token() -> None:
    asks = ScriptedAsks(MINTED, FOUND)
    by_image(asks)
    mint, search = asks.questions
    assert mint.url == f"{URL}/identity/v1/oauth2/token"
    assert base64.b64decode(mint.headers["Authorization"].removeprefix("Basic ")) == b"app:s3cret"
    assert parse_qs((mint.body or b"").decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["https://api.ebay.com/oauth/api_scope"],
    }
    assert (search.method, search.query) == ("POST", {"limit": "50"})
    assert search.headers["Authorization"] == f"Bearer {TOKEN['access_token']}"
    assert search.headers["X-EBAY-C-MARKETPLACE-ID"] == "EBAY_GB"
    assert base64.b64decode(json.loads(search.body or b"")["image"]) == BYTES
    for question in (mint, search):
        assert "secret" not in repr(question)
        assert "s3cret" not in repr(question)


def test_the_text_is_asked_for_used_ones_with_auctions() -> None:
    asks = ScriptedAsks(MINTED, FOUND)
    by_text(asks, 'Acme (Kestrel) K2, "black" -new -- ' + "word " * 40)
    question = asks.questions[1]
    assert (question.method, question.body) == ("GET", None)
    assert question.query["filter"] == "buyingOptions:{AUCTION|FIXED_PRICE},conditions:{USED}"
    assert question.query["q"].startswith("Acme Kestrel K2 black new word word")
    assert len(question.query["q"]) <= 100
    assert question.parameters == (
        "filter=buyingOptions:{AUCTION|FIXED_PRICE},conditions:{USED}&limit=50&marketplace=EBAY_GB"
    )


def test_what_is_for_sale() -> None:
    finding = by_image(ScriptedAsks(MINTED, FOUND)).finding
    assert [(offer.price, offer.wear, offer.is_auction) for offer in finding.offers] == [
        (Money(Decimal("54.90"), "USD"), Wear.USED, False),
        (Money(Decimal("31.00"), "USD"), Wear.REFURBISHED, True),
        (Money(Decimal("9.00"), "EUR"), Wear.FOR_PARTS, False),
    ]
    assert [(name.text, name.score) for name in finding.names][:2] == [
        ("Acme Kestrel K2 headphones, used", 0.4),
        ("Acme K2 auction", 0.36),
    ]
    assert not by_text(ScriptedAsks(MINTED, FOUND)).finding.names


def test_no_hits_are_an_answer() -> None:
    asks = ScriptedAsks(MINTED, said({"total": 0, "limit": 50}))
    assert by_text(asks).finding == Finding("ebay_search")


@pytest.mark.parametrize(
    ("number", "wear"),
    [(1000, "new"), ("1500", "new"), (2010, "refurbished"), (2990, "used"), (5000, "used"), (9, "unknown")],
)
def test_wear_is_told_by_number(number: Any, wear: str) -> None:
    row = {**EBAY["itemSummaries"][0], "conditionId": number, "condition": "Gebraucht"}
    finding = by_text(ScriptedAsks(MINTED, said({"itemSummaries": [row]}))).finding
    assert [offer.wear for offer in finding.offers] == [wear]


def test_however_many_ask_one_token_is_minted() -> None:
    asks = ScriptedAsks(MINTED, FOUND)
    searching = EbaySearch(ebay(asks))

    async def many() -> list[Answered]:
        return await asyncio.gather(*(searching.ask(f"thing {number}", asked=ASKED) for number in range(20)))

    bills = [answered.bill.calls for answered in run(many())]
    assert [question.provider for question in asks.questions].count("ebay_token") == 1
    assert sorted(bills) == [1] * 19 + [2], "who minted pays for it"


def test_a_token_is_renewed_before_its_end() -> None:
    clock, asks = Clock(), ScriptedAsks(MINTED)
    tokens = EbayTokens(asks, url=URL, client_id="app", client_secret="s", clock=clock)

    async def at(now_s: float) -> int:
        clock.now_s = now_s
        await tokens.token(asked=ASKED)
        return len(asks.questions)

    async def over_time() -> list[int]:
        return [await at(now_s) for now_s in (1000, 7899, 7900, 7901, 14_000)]

    assert run(over_time()) == [1, 1, 2, 2, 2]


def test_a_token_is_kept_by_nobody_else() -> None:
    asks = ScriptedAsks(MINTED, FOUND)
    first = by_image(asks)
    assert first.bill.calls == 2
    assert asks.questions[0].parameters != run(_mint_again(asks)).parameters, "never taken for an earlier one"


async def _mint_again(asks: ScriptedAsks) -> Any:
    tokens = EbayTokens(ScriptedAsks(MINTED), url=URL, client_id="app", client_secret="s")
    await tokens.token(asked=ASKED)
    return tokens._asks.questions[0]  # type: ignore[attr-defined]


def test_a_refused_token_is_minted_anew_once() -> None:
    asks = ScriptedAsks(MINTED, REFUSED, MINTED, FOUND)
    answered = by_text(asks)
    assert [question.provider for question in asks.questions] == [
        "ebay_token",
        "ebay_search",
        "ebay_token",
        "ebay_search",
    ]
    assert answered.finding.offers
    assert answered.bill.calls == 4


def test_two_refused_tokens_are_a_refused_key() -> None:
    asks = ScriptedAsks(MINTED, REFUSED, MINTED, REFUSED)
    with pytest.raises(KeyRefused) as failure:
        by_text(asks)
    assert failure.value.bill.calls == 4
    assert len(asks.questions) == 4


def failure(number: int, status: int) -> Reply:
    return said({"errors": [{"errorId": number, "message": "s3cret text"}]}, status)


def warned(**warning: Any) -> Reply:
    return said({**EBAY, "warnings": [warning]})


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (failure(12001, 400), QuestionRefused),
        (failure(12501, 400), QuestionRefused),
        (failure(12019, 409), QuestionRefused),
        (failure(1100, 403), KeyRefused),
        (failure(2001, 429), OutOfCredit),
        (failure(12000, 500), ProviderDown),
        (said(None, 503, text="<html>"), ProviderDown),
        (said(None, text="<html>"), ProviderBroken),
        (warned(errorId=12002), QuestionRefused),
        (warned(errorId="12012"), QuestionRefused),
        (warned(errorId=1, parameters=[{"name": "filter", "value": "conditions:{USED}"}]), QuestionRefused),
    ],
)
def test_its_errors(reply: Reply, expected: type[LookupFailed]) -> None:
    with pytest.raises(LookupFailed) as raised:
        by_text(ScriptedAsks(MINTED, reply))
    assert type(raised.value) is expected
    assert raised.value.bill.calls == 2, "the token was asked for too"
    assert "s3cret" not in raised.value.message


def test_a_warning_about_something_else_is_none() -> None:
    assert by_text(ScriptedAsks(MINTED, warned(errorId=13000, message="Deprecated."))).finding.offers


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (said({"error": "invalid_client", "error_description": "s3cret"}, 401), KeyRefused),
        (said({"error": "invalid_scope"}, 400), KeyRefused),
        (said({"error": "slow"}, 429), ProviderThrottled),
        (said({"error": "server_error"}, 500), ProviderDown),
        (said({"expires_in": 7200}), ProviderBroken),
        (said({**TOKEN, "access_token": "a\r\nb"}), ProviderBroken),
        (said(None, text="<html>"), ProviderBroken),
    ],
)
def test_no_token(reply: Reply, expected: type[LookupFailed]) -> None:
    asks = ScriptedAsks(reply)
    with pytest.raises(LookupFailed) as raised:
        by_image(asks)
    assert type(raised.value) is expected
    assert len(asks.questions) == 1
    assert "s3cret" not in raised.value.message
