"""Google Shopping, by way of SerpApi: what a product costs new, and what shops ask for used ones."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from veilgate.domain.lookups import Asked, Finding, Offer, Wear
from veilgate.domain.prices import read_money
from veilgate.lookups.ports import Answered
from veilgate.lookups.providers.json_reading import (
    MOST_ROWS,
    entries,
    entry,
    picked,
    plain_text,
    text,
    web_address,
)
from veilgate.lookups.providers.serpapi import SerpApi, good_answer, place_of
from veilgate.lookups.questions import Asks, Reply

NAME = "google_shopping"
_KEPT = ("title", "link", "product_link", "source", "price", "second_hand_condition")
_WEARS = {"used": Wear.USED, "refurbished": Wear.REFURBISHED, "pre-owned": Wear.USED}


class GoogleShopping:
    name = NAME

    def __init__(self, asks: Asks, account: SerpApi) -> None:
        self._asks = asks
        self._account = account

    async def ask(self, text: str, *, asked: Asked) -> Answered:
        question = self._account.question(
            NAME,
            # Without it there are no addresses of shops.
            {"gl": self._account.country, "direct_link": "true"},
            sent_sha256=hashlib.sha256(text.encode()).hexdigest(),
            subject={"q": text},
        )
        told = await self._asks.ask(question, _judge, asked=asked)
        rows = entries(entry(told.document).get("rows"))
        return Answered(Finding(NAME, offers=tuple(_offers(rows, self._account.country))), told.bill)


def _judge(reply: Reply) -> Mapping[str, Any]:
    document = good_answer(reply)
    groups = entries(document.get("categorized_shopping_results"))
    rows = [
        *entries(document.get("shopping_results")),
        *(row for group in groups for row in entries(group.get("shopping_results"))),
    ]
    return {"rows": [picked(row, *_KEPT) for row in rows[:MOST_ROWS]]}


def _offers(rows: list[Mapping[str, Any]], country: str) -> Iterator[Offer]:
    for row in rows:
        address = web_address(row.get("link")) or web_address(row.get("product_link"))
        if address is None:
            continue
        # The number beside it has no currency.
        money = read_money(text(row.get("price")), country=place_of(address, otherwise=country))
        if money:
            title = plain_text(row.get("title")) or ""
            yield Offer(money, address, title, _wear(row), text(row.get("source")))


def _wear(row: Mapping[str, Any]) -> Wear:
    """What is new has no such field."""
    if "second_hand_condition" not in row:
        return Wear.NEW
    said = text(row["second_hand_condition"]) or ""
    return next((wear for word, wear in _WEARS.items() if word in said.lower()), Wear.USED)
