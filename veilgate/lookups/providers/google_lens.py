"""Google Lens, by way of SerpApi: pages that show this picture or what looks like it, some with a price."""

from collections.abc import Iterator, Mapping
from typing import Any

from veilgate.domain.lookups import (
    Asked,
    Finding,
    FoundPage,
    Offer,
    PageMatch,
    ProductName,
    SentPicture,
    Wear,
)
from veilgate.domain.prices import read_money
from veilgate.domain.provider_errors import PutAnotherWay, QuestionRefused
from veilgate.lookups.ports import Answered, MakeLink
from veilgate.lookups.providers.json_reading import (
    MOST_ROWS,
    entries,
    entry,
    picked,
    plain_text,
    text,
    web_address,
)
from veilgate.lookups.providers.judging import ask_or_else, said_of
from veilgate.lookups.providers.serpapi import SerpApi, good_answer, is_empty, place_of
from veilgate.lookups.providers.sureness import by_rank
from veilgate.lookups.questions import Asks, Question, Reply

NAME = "google_lens"
_EXACT, _SIMILAR = "exact_matches", "visual_matches"
_KNOWN_THING, _BEST_EXACT, _BEST_SIMILAR = 0.8, 0.7, 0.6
# The same question to us: what it finds is kept in the place of what it did not find at first.
_AGAIN = {"no_cache": "true"}


class GoogleLens:
    """Fetches the picture itself, from an address that anybody can fetch; it takes no bytes."""

    name = NAME
    needs_link = True

    def __init__(self, asks: Asks, account: SerpApi) -> None:
        self._asks = asks
        self._account = account

    async def ask(self, picture: SentPicture, link: MakeLink | None, *, asked: Asked) -> Answered:
        if link is None:
            raise QuestionRefused("It takes an address, and there is none under which the picture is found.")
        subject = {"url": await link()}
        first, again = self._question(picture, subject), self._question(picture, subject | _AGAIN)
        told = await ask_or_else(
            lambda: self._asks.ask(first, _judge_first, asked=asked),
            lambda: self._asks.ask(again, _judge, asked=asked),
        )
        return Answered(_finding(entry(told.document), self._account.country), told.bill)

    def _question(self, picture: SentPicture, subject: Mapping[str, str]) -> Question:
        wanted = {"type": "all", "country": self._account.country}
        return self._account.question(NAME, wanted, sent_sha256=picture.sha256, subject=subject)


def _judge_first(reply: Reply) -> Mapping[str, Any]:
    """Nothing found is often found by asking once more."""
    if is_empty(reply):
        raise PutAnotherWay(said_of(reply))
    return _judge(reply)


def _judge(reply: Reply) -> Mapping[str, Any]:
    document = good_answer(reply)
    kept: dict[str, Any] = {
        kind: [_kept(row) for row in entries(document.get(kind))] for kind in (_EXACT, _SIMILAR)
    }
    return {**kept, "knowledge_graph": _known_things(document.get("knowledge_graph"))}


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    price = picked(row.get("price"), "extracted_value", "currency")
    return {**picked(row, "title", "link", "source"), "price": price}


def _known_things(graph: Any) -> list[dict[str, Any]]:
    """An object, or a list of them."""
    rows = entries(graph if isinstance(graph, list) else [graph], most=3)
    return [picked(row, "title") for row in rows]


def _finding(answer: Mapping[str, Any], country: str) -> Finding:
    exact, similar = entries(answer.get(_EXACT)), entries(answer.get(_SIMILAR))
    pages = [*_pages(exact, PageMatch.FULL), *_pages(similar, PageMatch.SIMILAR)]
    things = entries(answer.get("knowledge_graph"))
    names = [*_names(things, _KNOWN_THING), *_names(exact, _BEST_EXACT), *_names(similar, _BEST_SIMILAR)]
    return Finding(
        NAME,
        names=tuple(names)[:MOST_ROWS],
        pages=tuple(pages)[:MOST_ROWS],
        offers=tuple(_offers([*exact, *similar], country))[:MOST_ROWS],
    )


def _names(rows: list[Mapping[str, Any]], best: float) -> Iterator[ProductName]:
    for rank, row in enumerate(rows):
        if title := plain_text(row.get("title")):
            yield ProductName(title, by_rank(best, rank))


def _pages(rows: list[Mapping[str, Any]], match: PageMatch) -> Iterator[FoundPage]:
    for row in rows:
        if address := web_address(row.get("link")):
            yield FoundPage(address, plain_text(row.get("title")) or "", match, text(row.get("source")))


def _offers(rows: list[Mapping[str, Any]], country: str) -> Iterator[Offer]:
    """Whether it is new or used Lens does not say."""
    for row in rows:
        price, address = entry(row.get("price")), web_address(row.get("link"))
        if address is None:
            continue
        where = place_of(address, otherwise=country)
        money = read_money(price.get("extracted_value"), text(price.get("currency")), country=where)
        if money:
            title = plain_text(row.get("title")) or ""
            yield Offer(money, address, title, Wear.UNKNOWN, text(row.get("source")))
