"""SerpApi: GET /search with the engines google_lens and google_shopping, and GET /account."""

import re
from typing import Any

import aiohttp

from tests.stubs.desks import Desk, Refused, Said, Sent, Trouble, Troubles, in_json, page
from tests.stubs.pictures import size_of
from tests.stubs.world import Product, World

KEY = "stub-serpapi-key"
_FETCH_TIMEOUT_S = 5.0
_TYPES = frozenset({"all", "products", "exact_matches", "visual_matches", "about_this_image"})
_TWO_LETTERS = re.compile("[a-z]{2}")
_INVALID_KEY = "Invalid API key. Your API key should be here: https://serpapi.com/manage-api-key"
_NOTHING = "{} hasn't returned any results for this query."
_PLAN_SEARCHES = 5000


class SerpApi:
    """Two desks behind one address; the engine that is asked for decides."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.lens = Desk("google_lens", self._search_by_picture, _TROUBLES)
        self.shopping = Desk("google_shopping", self._search_by_words, _TROUBLES)
        self.account = Desk("serpapi_account", self._account, _TROUBLES)

    def desk_for(self, engine: str) -> Desk:
        return self.lens if engine == "google_lens" else self.shopping

    async def _search_by_picture(self, sent: Sent) -> Said:
        _require(sent, "url")
        if sent.query.get("type", "all") not in _TYPES:
            raise Refused(_error(400, "Unsupported `type` parameter."))
        _require_letters(sent, "hl", "country")
        url = sent.query["url"]
        if not url.startswith(("http://", "https://")):
            # Reported of data: addresses: something that is no JSON; its status is a guess.
            raise Refused(page("<html><body>Bad Request</body></html>", status=400))
        sent.picture = await _fetch(url)
        if sent.picture is None:
            return _nothing(sent, "Google Lens")
        product = self._world.recognise(sent.picture)
        return _success(sent, visual_matches=_matches(product, self._world))

    async def _search_by_words(self, sent: Sent) -> Said:
        if sent.query.get("engine") != "google_shopping":
            raise Refused(_error(400, f"Unsupported `{sent.query.get('engine')}` search engine."))
        _require(sent, "q")
        _require_letters(sent, "hl", "gl")
        product = self._world.named(sent.query["q"])
        if product is None:
            return _nothing(sent, "Google Shopping")
        with_links = sent.query.get("direct_link") == "true"
        return _success(
            sent,
            shopping_results=_shop_offers(product, self._world, with_links),
            categorized_shopping_results=[],
        )

    async def _account(self, sent: Sent) -> Said:
        _require(sent)
        used = sum(desk.paid for desk in (self.lens, self.shopping))
        left = _PLAN_SEARCHES - used
        return in_json(
            200, {"plan_searches_left": left, "total_searches_left": left, "this_month_usage": used}
        )


def _require(sent: Sent, *names: str) -> None:
    if sent.query.get("api_key") != KEY:
        raise Refused(_error(401, _INVALID_KEY))
    if sent.query.get("no_cache") == "true" and sent.query.get("async") == "true":
        raise Refused(_error(400, "`async` and `no_cache` parameters shouldn't be used together."))
    for name in names:
        if not sent.query.get(name):
            raise Refused(_error(400, f"Missing query `{name}` parameter."))


def _require_letters(sent: Sent, *names: str) -> None:
    for name in names:
        if name in sent.query and not _TWO_LETTERS.fullmatch(sent.query[name]):
            raise Refused(_error(400, f"Unsupported value for `{name}` parameter."))


async def _fetch(url: str) -> bytes | None:
    """As Google does: from the outside, by the address alone. None if there is no picture to be had."""
    try:
        timeout = aiohttp.ClientTimeout(total=_FETCH_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            if answer.status != 200:
                return None
            picture = await answer.read()
        size_of(picture, lambda: _error(400, ""))
    except (aiohttp.ClientError, TimeoutError, Refused):
        return None
    return picture


def _matches(product: Product, world: World) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "title": f"{product.name} - {product.make}",
            "link": world.maker_page(product),
            "source": product.make,
            "rating": 4.7,
            "reviews": 210,
            "price": _price(product, "1.00"),
            "in_stock": True,
        },
        {
            "title": f"{product.name}, {product.colour} | The Shop",
            "link": world.shop_page(product),
            "source": "The Shop",
            "price": _price(product, "0.95"),
        },
        {
            "title": f"{product.name} {product.noun} | eBay",
            "link": "https://www.ebay.com/itm/110000009999",
            "source": "eBay",
        },
        {
            "title": f"My {product.model}!",
            "link": "https://www.pinterest.com/pin/4711/",
            "source": "Pinterest",
        },
    ]
    return [
        {"position": place, **row, "thumbnail": "https://encrypted-tbn0.gstatic.com/images?q=tbn:x"}
        for place, row in enumerate(rows, 1)
    ]


def _price(product: Product, share: str) -> dict[str, Any]:
    """The currency is a mark that several have, and the text ends in an asterisk: that is how it comes."""
    amount = product.share(share)
    whole = int(amount) if amount == int(amount) else float(amount)
    return {"value": f"${amount}*", "extracted_value": whole, "currency": "$"}


def _shop_offers(product: Product, world: World, with_links: bool) -> list[dict[str, Any]]:
    rows = (
        (product.name, "1.00", f"{product.make} Store", None),
        (f"{product.name} {product.noun}", "0.95", "The Shop", None),
        (f"{product.name} ({product.colour})", "1.04", "Another Shop", None),
        (f"{product.name} refurbished", "0.68", "Second Chance", "refurbished"),
        (f"{product.name} pre-owned", "0.52", "Second Chance", "used"),
    )
    return [_shop_offer(product, world, place, row, with_links) for place, row in enumerate(rows, 1)]


def _shop_offer(
    product: Product, world: World, place: int, row: tuple[str, str, str, str | None], with_links: bool
) -> dict[str, Any]:
    title, share, source, condition = row
    amount = product.share(share)
    offer: dict[str, Any] = {
        "position": place,
        "title": title,
        "product_id": f"{4711 + place}",
        "product_link": f"https://www.google.com/shopping/product/{4711 + place}",
        "source": source,
        "price": f"${amount}",
        "extracted_price": float(amount),
        "thumbnail": "https://encrypted-tbn0.gstatic.com/shopping?q=tbn:y",
    }
    if with_links:
        offer["link"] = f"{world.shop_page(product)}?offer={place}"
    if condition:
        offer["second_hand_condition"] = condition
    return offer


def _success(sent: Sent, **results: object) -> Said:
    metadata = {
        "id": "67aa00000000000000000001",
        "status": "Success",
        "created_at": "2026-11-20 10:00:00 UTC",
    }
    asked = {name: value for name, value in sent.query.items() if name != "api_key"}
    return in_json(200, {"search_metadata": metadata, "search_parameters": asked, **results})


def _nothing(sent: Sent, engine: str) -> Said:
    state = {"images_results_state": "Fully empty"}
    return _success(sent, search_information=state, error=_NOTHING.format(engine))


def _error(status: int, text: str) -> Said:
    return in_json(status, {"error": text})


def _nothing_found(sent: Sent) -> Said:
    return _nothing(sent, "Google Lens" if sent.query["engine"] == "google_lens" else "Google Shopping")


_FAILED = {"search_metadata": {"id": "67aa", "status": "Error"}, "error": "We couldn't get valid results."}
_TROUBLES: Troubles = {
    Trouble.THROTTLED: _error(429, "You are exceeding your hourly throughput limit."),
    Trouble.OUT_OF_CREDIT: _error(429, "Your account has run out of searches."),
    Trouble.BROKEN: page("<html><body>503 Service Unavailable</body></html>", status=503),
    Trouble.KEY_REFUSED: _error(401, _INVALID_KEY),
    Trouble.ERROR_INSIDE: in_json(200, _FAILED),
    Trouble.EMPTY: _nothing_found,
}
