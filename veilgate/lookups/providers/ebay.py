"""What asking eBay by picture and by text have in common: marketplace, token, answers and refusals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from veilgate.domain.currencies import currency_of
from veilgate.domain.lookups import Asked, Money, Offer, Wear
from veilgate.domain.prices import money
from veilgate.domain.provider_errors import (
    KeyRefused,
    LookupFailed,
    OutOfCredit,
    PutAnotherWay,
    QuestionRefused,
)
from veilgate.lookups.providers.ebay_tokens import EbayTokens
from veilgate.lookups.providers.json_reading import amount, entries, entry, picked, text, web_address
from veilgate.lookups.providers.judging import ask_or_else, failure_of, require_object, said_of
from veilgate.lookups.questions import Asks, Question, Reply, Told

# As many as are looked at when the cheapest and the dearest are left out.
LIMIT = 50
_API = "/buy/browse/v1/item_summary"
_AUCTION, _FIXED = "AUCTION", "FIXED_PRICE"
# What the key may not do, at whatever it is asked.
_NO_ACCESS = 1100
# Warnings which say that a filter or the order was not heeded: what came is not what was asked for.
_NOT_HEEDED = frozenset({12002, 12008, 12009, 12012, 12018, 12031})
_WEARS = (
    (range(1000, 2000), Wear.NEW),
    (range(2000, 2750), Wear.REFURBISHED),
    (range(2750, 7000), Wear.USED),
    (range(7000, 7001), Wear.FOR_PARTS),
)


@dataclass(frozen=True, slots=True)
class Search:
    """`call` is the last part of the address, `sent_sha256` the digest of what is asked about, which is in
    `subject` or in `body`; `wanted` is what else decides about the answer."""

    provider: str
    call: str
    sent_sha256: str
    wanted: Mapping[str, str]
    subject: Mapping[str, str]
    body: bytes | None = None


class Ebay:
    def __init__(self, asks: Asks, tokens: EbayTokens, *, url: str, marketplace: str) -> None:
        self._asks = asks
        self._tokens = tokens
        self._url = f"{url.rstrip('/')}{_API}"
        self._marketplace = marketplace

    async def search(self, search: Search, *, asked: Asked) -> Told:
        """The `rows` that were found. A token that is refused is dropped, and another is tried, once."""
        return await ask_or_else(
            lambda: self._put(search, asked, is_last=False),
            lambda: self._put(search, asked, is_last=True),
        )

    async def _put(self, search: Search, asked: Asked, *, is_last: bool) -> Told:
        token, minted = await self._tokens.token(asked=asked)

        def judge(reply: Reply) -> Mapping[str, Any]:
            if reply.status == 401:
                self._tokens.drop(token)
                raise (KeyRefused if is_last else PutAnotherWay)(said_of(reply, named=_error_id(reply)))
            return _good_answer(reply)

        try:
            told = await self._asks.ask(self._question(search, token), judge, asked=asked)
        except LookupFailed as error:
            error.bill = minted + error.bill
            raise
        return Told(told.document, minted + told.bill)

    def _question(self, search: Search, token: str) -> Question:
        wanted = {"limit": str(LIMIT), **search.wanted}
        parameters = {"marketplace": self._marketplace, **wanted}
        headers = {"Authorization": f"Bearer {token}", "X-EBAY-C-MARKETPLACE-ID": self._marketplace}
        if search.body is not None:
            headers["Content-Type"] = "application/json"
        return Question(
            search.provider,
            f"{self._url}/{search.call}",
            search.sent_sha256,
            "&".join(f"{name}={value}" for name, value in sorted(parameters.items())),
            method="GET" if search.body is None else "POST",
            query={**wanted, **search.subject},
            headers=headers,
            body=search.body,
        )


def offers_in(told: Told) -> Iterator[Offer]:
    for row in rows_in(told):
        price, address = _price(row), web_address(row.get("itemWebUrl"))
        if price and address:
            yield Offer(price, address, text(row.get("title")) or "", _wear(row), "eBay", _is_auction(row))


def rows_in(told: Told) -> list[Mapping[str, Any]]:
    return entries(entry(told.document).get("rows"), most=LIMIT)


def _good_answer(reply: Reply) -> Mapping[str, Any]:
    if reply.status != 200:
        raise _refusal(reply)
    document = require_object(reply)
    for warning in entries(document.get("warnings")):
        if _number(warning.get("errorId")) in _NOT_HEEDED or _is_about_filter(warning):
            raise QuestionRefused(f"It did not heed a filter ({_number(warning.get('errorId'))}).")
    rows = entries(document.get("itemSummaries"), most=LIMIT)
    return {"rows": [_kept(row) for row in rows]}


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    options = row.get("buyingOptions")
    return {
        **picked(row, "title", "conditionId", "itemWebUrl"),
        **{name: picked(row.get(name), "value", "currency") for name in ("price", "currentBidPrice")},
        "buyingOptions": [one for one in (_AUCTION, _FIXED) if isinstance(options, list) and one in options],
    }


def _refusal(reply: Reply) -> LookupFailed:
    named = _error_id(reply)
    if reply.status == 429:
        # What may be asked in a day is meant, of all calls together: to wait a little helps nobody.
        return OutOfCredit(said_of(reply, named=named))
    if reply.status == 403 and named == _NO_ACCESS:
        return KeyRefused(said_of(reply, named=named))
    return failure_of(reply, named=named)


def _error_id(reply: Reply) -> int | None:
    errors = entries(entry(reply.document).get("errors"), most=1)
    return _number(errors[0].get("errorId")) if errors else None


def _number(value: Any) -> int | None:
    return (
        int(value)
        if isinstance(value, int | str) and str(value).isdecimal() and len(str(value)) < 7
        else None
    )


def _is_about_filter(warning: Mapping[str, Any]) -> bool:
    parameters = entries(warning.get("parameters"))
    return any(text(parameter.get("name")) in {"filter", "sort"} for parameter in parameters)


def _price(row: Mapping[str, Any]) -> Money | None:
    price = entry(row.get("currentBidPrice" if _is_auction(row) else "price")) or entry(row.get("price"))
    found, currency = amount(price.get("value")), currency_of(text(price.get("currency")) or "")
    return money(found, currency) if found and currency else None


def _is_auction(row: Mapping[str, Any]) -> bool:
    """Where it can also be bought at once, the price is for that."""
    options = row.get("buyingOptions")
    return isinstance(options, list) and _AUCTION in options and _FIXED not in options


def _wear(row: Mapping[str, Any]) -> Wear:
    """By its number: the words are in the language of the marketplace."""
    number = _number(row.get("conditionId"))
    return next((wear for numbers, wear in _WEARS if number in numbers), Wear.UNKNOWN)
