"""eBay: tokens for applications, and the Browse API's search_by_image and search."""

import base64
import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from tests.stubs.desks import Desk, Refused, Said, Sent, Trouble, Troubles, in_json
from tests.stubs.pictures import from_base64, size_of
from tests.stubs.world import CURRENCY, PRODUCTS, Listing, World, listings

CLIENT_ID, CLIENT_SECRET = "stub-ebay-app", "stub-ebay-secret"
TOKEN_PATH = "/identity/v1/oauth2/token"
IMAGE_PATH = "/buy/browse/v1/item_summary/search_by_image"
SEARCH_PATH = "/buy/browse/v1/item_summary/search"
SCOPE = "https://api.ebay.com/oauth/api_scope"
_TOKEN_LIVES_S = 7200
_MOST_LISTED, _LARGEST_OFFSET = 200, 10_000
_BY_IMAGE = frozenset({"EBAY_US", "EBAY_DE", "EBAY_GB", "EBAY_AU"})
_MARKETPLACES = _BY_IMAGE | {"EBAY_AT", "EBAY_CA", "EBAY_ES", "EBAY_FR", "EBAY_IT", "EBAY_NL", "EBAY_PL"}
_FILTERS = frozenset(
    {"bidCount", "buyingOptions", "conditionIds", "conditions", "deliveryCountry", "excludeCategoryIds"}
    | {"itemLocationCountry", "maxDeliveryCost", "price", "priceCurrency", "returnsAccepted", "sellers"}
)
_FILTER = re.compile(r"([A-Za-z]+):(\{[^}]*\}|\[[^\]]*\]|[^,]*)(?:,|$)")
_NEW, _REFURBISHED, _USED = range(1000, 2000), range(2000, 3000), range(3000, 7000)


class Ebay:
    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = count(1)
        self._tokens: dict[str, float] = {}
        self.tokens = Desk("ebay_token", self._mint, _TROUBLES_WITH_TOKENS)
        self.image = Desk("ebay_image", self._search_by_image, _TROUBLES)
        self.search = Desk("ebay_search", self._search, _TROUBLES)

    def forget_tokens(self) -> None:
        """Those that were given out are worth nothing from now on."""
        self._tokens = {}

    async def _mint(self, sent: Sent) -> Said:
        if sent.media_type != "application/x-www-form-urlencoded":
            raise Refused(_oauth_error(400, "invalid_request", "request content type is invalid"))
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if sent.headers.get("authorization") != f"Basic {pair}":
            raise Refused(_oauth_error(401, "invalid_client", "client authentication failed"))
        form = parse_qs(sent.body.decode("latin-1"))
        if form.get("grant_type") != ["client_credentials"]:
            raise Refused(
                _oauth_error(400, "unsupported_grant_type", "grant type in request is not supported")
            )
        if form.get("scope") != [SCOPE]:
            raise Refused(_oauth_error(400, "invalid_scope", "The requested scope is invalid"))
        token = f"v^1.1#stub-{next(self._numbers)}"
        self._tokens[token] = time.monotonic() + _TOKEN_LIVES_S
        kind = "Application Access Token"
        return in_json(200, {"access_token": token, "expires_in": _TOKEN_LIVES_S, "token_type": kind})

    async def _search_by_image(self, sent: Sent) -> Said:
        if sent.method != "POST":
            raise Refused(_error(405, 1005, "Method not allowed"))
        marketplace = self._require_allowed(sent)
        if marketplace not in _BY_IMAGE:
            raise Refused(_error(409, 12019, f"The marketplace {marketplace} is not supported."))
        if sent.media_type != "application/json":
            raise Refused(_error(415, 1004, "Unsupported media type"))
        sent.picture = _picture(sent)
        product = self._world.recognise(sent.picture)
        return _page(sent, listings(product))

    async def _search(self, sent: Sent) -> Said:
        self._require_allowed(sent)
        wanted = sent.query.get("q", "")
        if not wanted and not any(name in sent.query for name in ("category_ids", "epid", "gtin")):
            raise Refused(
                _error(400, 12001, "The call must have a valid 'q', 'category_ids', 'epid' or 'gtin'.")
            )
        if len(wanted) > 100:
            raise Refused(_error(400, 12023, "The keyword search result is too large."))
        product = self._world.named(wanted)
        return _page(sent, listings(product) if product else ())

    def _require_allowed(self, sent: Sent) -> str:
        """The marketplace that is asked."""
        kind, _, token = sent.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or self._tokens.get(token, 0.0) < time.monotonic():
            raise Refused(_error(401, 1001, "Invalid access token", domain="OAuth"))
        marketplace = sent.headers.get("x-ebay-c-marketplace-id", "EBAY_US")
        if marketplace not in _MARKETPLACES:
            raise Refused(_error(409, 12019, f"The marketplace {marketplace} is not supported."))
        if not 1 <= _number(sent, "limit", 50) <= _MOST_LISTED:
            raise Refused(_error(400, 12006, "The 'limit' value should be between 1 and 200."))
        if not 0 <= _number(sent, "offset", 0) < _LARGEST_OFFSET:
            raise Refused(_error(400, 12029, "The 'offset' value should be less than 10,000."))
        if "," in sent.query.get("category_ids", ""):
            raise Refused(_error(400, 12011, "Only one category id is allowed."))
        return marketplace


def _number(sent: Sent, name: str, default: int) -> int:
    text = sent.query.get(name, str(default))
    return int(text) if text.isdigit() else -1


def _picture(sent: Sent) -> bytes:
    def refuse() -> Said:
        return _error(400, 12501, "The image is empty, not in Base64 or invalid.")

    try:
        document = json.loads(sent.body)
    except ValueError:
        raise Refused(refuse()) from None
    if not isinstance(document, dict) or set(document) != {"image"}:
        raise Refused(refuse())
    picture = from_base64(document["image"], refuse)
    size_of(picture, refuse)
    return picture


def _page(sent: Sent, found: Iterable[Listing]) -> Said:
    """The part that is asked for; without hits there is no list at all."""
    filters = dict(_FILTER.findall(sent.query.get("filter", "")))
    warnings = list(_warnings(filters))
    if not warnings:
        found = [listing for listing in found if _passes(listing, filters, sent.path == SEARCH_PATH)]
    matching = list(found)
    limit, offset = _number(sent, "limit", 50), _number(sent, "offset", 0)
    document: dict[str, Any] = {
        "href": f"https://api.ebay.com{sent.path}",
        "total": len(matching),
        "limit": limit,
        "offset": offset,
    }
    if shown := matching[offset : offset + limit]:
        document["itemSummaries"] = [_summary(listing) for listing in shown]
    if warnings:
        document["warnings"] = warnings
    return in_json(200, document)


def _passes(listing: Listing, filters: dict[str, str], by_words: bool) -> bool:
    options = _members(filters.get("buyingOptions", "{FIXED_PRICE}" if by_words else ""))
    if options and ("AUCTION" if listing.bid else "FIXED_PRICE") not in options:
        return False
    if ids := _members(filters.get("conditionIds", "")):
        return listing.condition_id in ids
    wanted, number = _members(filters.get("conditions", "")), int(listing.condition_id)
    if not wanted:
        return True
    return ("NEW" in wanted and number in _NEW) or (
        "USED" in wanted and (number in _USED or number in _REFURBISHED)
    )


def _members(text: str) -> set[str]:
    return set(text.strip("{}").split("|")) - {""}


def _warnings(filters: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name in set(filters) - _FILTERS:
        yield _fault(12002, f"The '{name}' filter is invalid.")
    if "price" in filters and "priceCurrency" not in filters:
        yield _fault(12012, "The 'price' filter needs 'priceCurrency'.")


def _summary(listing: Listing) -> dict[str, Any]:
    price = {"value": str(listing.price), "currency": CURRENCY}
    shown: dict[str, Any] = {
        "itemId": f"v1|{listing.number}|0",
        "legacyItemId": str(listing.number),
        "title": listing.title,
        "condition": listing.condition,
        "conditionId": listing.condition_id,
        "itemWebUrl": listing.link,
        "seller": {"username": "seller1", "feedbackPercentage": "99.8", "feedbackScore": 1200},
        "itemLocation": {"country": "US", "postalCode": "100**"},
    }
    if listing.bid:
        return {**shown, "buyingOptions": ["AUCTION"], "bidCount": 3, "currentBidPrice": price}
    return {**shown, "buyingOptions": ["FIXED_PRICE", "BEST_OFFER"], "price": price}


def _error(status: int, number: int, message: str, *, domain: str = "API_BROWSE") -> Said:
    return in_json(status, {"errors": [_fault(number, message, domain)]})


def _fault(number: int, message: str, domain: str = "API_BROWSE") -> dict[str, Any]:
    return {"errorId": number, "domain": domain, "category": "REQUEST", "message": message}


def _oauth_error(status: int, code: str, text: str) -> Said:
    return in_json(status, {"error": code, "error_description": text})


def _with_a_warning(sent: Sent) -> Said:
    """A filter that it does not know is as good as none."""
    unfiltered = replace(sent, query={**sent.query, "filter": "nonsense:{1}"})
    return _page(unfiltered, listings(PRODUCTS[0]))


# There is but one kind of 429 here: no more today.
_NO_MORE = _error(429, 2001, "The request limit has been reached for the resource.", domain="ACCESS")
_TROUBLES: Troubles = {
    Trouble.THROTTLED: _NO_MORE,
    Trouble.OUT_OF_CREDIT: _NO_MORE,
    Trouble.BROKEN: _error(500, 12000, "There was a problem with an eBay internal system or process."),
    Trouble.KEY_REFUSED: _error(403, 1100, "Access denied", domain="ACCESS"),
    Trouble.FILTER_IGNORED: _with_a_warning,
    Trouble.EMPTY: in_json(200, {"href": "https://api.ebay.com", "total": 0, "limit": 50, "offset": 0}),
}
_TROUBLES_WITH_TOKENS: Troubles = {
    Trouble.THROTTLED: _NO_MORE,
    Trouble.OUT_OF_CREDIT: _NO_MORE,
    Trouble.BROKEN: _oauth_error(500, "server_error", "internal error"),
    Trouble.KEY_REFUSED: _oauth_error(401, "invalid_client", "client authentication failed"),
}
