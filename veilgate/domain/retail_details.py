"""What a product is and costs when new, as its page says it and, failing that, as shops ask for it."""

from collections import Counter
from collections.abc import Sequence

from veilgate.domain.lookups import Money
from veilgate.domain.product_names import fit
from veilgate.domain.products import FittingOffer, IdentifiedProduct
from veilgate.domain.web_pages import MarkedProduct, Markup, WebPage

_TRUST = list(Markup)


def products_meant(page: WebPage, product: IdentifiedProduct) -> list[MarkedProduct]:
    """What the page's markup says of this product, the most to be trusted first, never of those that it
    lists beside it."""
    named = [one for one in page.products if one.name and _fit(one.name, product) > 0]
    # A page in another language may name its product in a way that none of the providers did.
    meant = named or [one for one in page.products if one.is_main]
    with_mains = {one.markup for one in meant if one.is_main}
    kept = [one for one in meant if one.is_main or one.markup not in with_mains]
    return sorted(kept, key=lambda one: _rank(one, product))


def typical(prices: Sequence[Money]) -> Money | None:
    """The median, the lower of two, of those in the currency that most are in; None of none."""
    if not prices:
        return None
    counts = Counter(price.currency for price in prices)
    currency = min(counts, key=lambda code: (-counts[code], code))
    amounts = sorted(price.amount for price in prices if price.currency == currency)
    return Money(amounts[(len(amounts) - 1) // 2], currency)


def asked_for_new(offers: Sequence[FittingOffer]) -> list[Money]:
    """What shops ask; bids are what nobody asks."""
    return [one.offer.price for one in offers if not one.offer.is_auction]


def _fit(name: str, product: IdentifiedProduct) -> float:
    return max(fit(name, product.name), fit(name, product.model) if product.model else 0.0)


def _rank(one: MarkedProduct, product: IdentifiedProduct) -> tuple[int, float, bool, str, str]:
    name = one.name or ""
    return (_TRUST.index(one.markup), -_fit(name, product), not one.prices, name, one.description or "")
