"""Which offers are of this very product, each once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from veilgate.domain.lookups import Offer, Wear
from veilgate.domain.product_names import LEAST_FIT, fit
from veilgate.domain.products import FittingOffer, IdentifiedProduct
from veilgate.domain.sites import same_page

SECOND_HAND = frozenset({Wear.USED, Wear.REFURBISHED})


@dataclass(frozen=True, slots=True)
class Fitting:
    """The offers, the best fitting and cheapest first; `left_out` counts the others by the reason."""

    offers: tuple[FittingOffer, ...]
    left_out: Counter[str]


def fitting_offers(
    found: Iterable[tuple[str, Offer]], product: IdentifiedProduct, wears: frozenset[Wear]
) -> Fitting:
    """Those of `found`, offers with who told of them, that are so used and named like the product."""
    kept: dict[str, FittingOffer] = {}
    left_out: Counter[str] = Counter()
    judged = (FittingOffer(offer, provider, _fit(offer, product)) for provider, offer in found)
    for one in sorted(judged, key=_rank):
        page = same_page(one.offer.link)
        if one.offer.wear not in wears:
            left_out[f"wear_{one.offer.wear.value}"] += 1
        elif one.fit < LEAST_FIT:
            left_out["does_not_fit"] += 1
        elif page in kept:
            left_out["told_twice"] += 1
        else:
            kept[page] = one
    return Fitting(tuple(kept.values()), left_out)


def _fit(offer: Offer, product: IdentifiedProduct) -> float:
    bare = " ".join(part for part in (product.make, product.model) if part)
    return max(fit(offer.title, product.name), fit(offer.title, bare) if product.model else 0.0)


def _rank(one: FittingOffer) -> tuple[float, Decimal, str, str, str, str]:
    price = one.offer.price
    return (-one.fit, price.amount, price.currency, one.offer.link, one.offer.title, one.provider)
