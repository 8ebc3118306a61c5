"""The product that a page's metas tell of."""

from veilgate.domain.lookups import Money, Wear
from veilgate.domain.prices import read_money
from veilgate.domain.web_pages import MarkedProduct, Markup
from veilgate.lookups.pages.product_nodes import plain_text

# The most to be trusted first. Several prices may be there, each with its currency in the same place.
_PRICES = (
    ("product:sale_price:amount", "product:sale_price:currency"),
    ("product:price:amount", "product:price:currency"),
    ("og:price:amount", "og:price:currency"),
)
_SPECS = {
    "product:color": "Colour",
    "product:size": "Size",
    "product:category": "Category",
    "product:retailer_item_id": "SKU",
    "product:mfr_part_no": "MPN",
}
_WEARS = {"new": Wear.NEW, "used": Wear.USED, "refurbished": Wear.REFURBISHED}
_LONGEST_DESCRIPTION = 4000


def product_in(metas: list[tuple[str, str]], country: str | None) -> MarkedProduct | None:
    """What the metas say, of whatever type the page is; None where they name nothing."""
    said: dict[str, list[str]] = {}
    for name, content in metas:
        said.setdefault(name, []).append(content)
    title = plain_text(said.get("og:title"))
    if title is None:
        return None
    return MarkedProduct(
        Markup.OPEN_GRAPH,
        name=title,
        is_main=True,
        brand=plain_text(said.get("product:brand") or said.get("og:brand")),
        description=plain_text(said.get("og:description"), longest=_LONGEST_DESCRIPTION),
        material=plain_text(said.get("product:material")),
        specs=tuple((label, text) for name, label in _SPECS.items() if (text := plain_text(said.get(name)))),
        prices=_prices(said, country),
        wear=_WEARS.get((plain_text(said.get("product:condition")) or "").lower(), Wear.UNKNOWN),
    )


def _prices(said: dict[str, list[str]], country: str | None) -> tuple[Money, ...]:
    for amounts, currencies in _PRICES:
        beside = said.get(currencies, [])
        read = [
            read_money(amount, beside[min(place, len(beside) - 1)] if beside else None, country=country)
            for place, amount in enumerate(said.get(amounts, []))
        ]
        if found := tuple(price for price in read if price is not None):
            return found
    return ()
