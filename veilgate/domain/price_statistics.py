"""What a used thing may be worth, from what is asked for others of it: order statistics, so that every number
is a price that somebody named, and none depends on who named his first."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import isqrt

from veilgate.domain.lookups import Money, Wear
from veilgate.domain.prices import money
from veilgate.domain.products import FittingOffer

# What is asked is more than what is paid, so the price is taken below the middle.
LOW, PRICE, HIGH = Fraction(1, 10), Fraction(4, 10), Fraction(9, 10)
# What most things of a household fetch of their price when new, and how far that is off: a rule of thumb.
REMAINING_SHARE = Decimal("0.55")
SHARE_RANGE = (Decimal("0.35"), Decimal("0.80"))
_CERTAINTY_OF_RULE = 0.15
# Weights are whole numbers, which add up to the same in any order; this is an offer at a fixed price.
ONE_OFFER = 1000
_WEIGHT = {Wear.USED: 10, Wear.REFURBISHED: 6}
# A bid so far is mostly below what it will be.
_WEIGHT_OF_AUCTION = 3
_LEAST_WEIGHT = ONE_OFFER // 2
# Fewer prices have no outliers that could be told.
_FEWEST_FOR_OUTLIERS = 4
# Prices that are nearly the same must not make an outlier of one that is a little off.
_LEAST_SPREAD = Fraction(11, 10)
# How far the price of one single offer is off, as a share of it; that of n, by the root of n less.
_DOUBT_OF_ONE = Decimal("0.25")


@dataclass(frozen=True, slots=True, order=True)
class Observation:
    """A price and how much it counts; `link` and `wear` are of the offer that named it."""

    amount: Decimal
    weight: int
    link: str
    wear: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """`low` <= `price` <= `high`. `used` is what that was reckoned from, `left_out` what was not, and why;
    `certainty`, 0..1, is the product of its `factors`."""

    currency: str
    price: Decimal
    low: Decimal
    high: Decimal
    used: tuple[Observation, ...]
    left_out: tuple[tuple[Observation, str], ...]
    factors: dict[str, float]

    @property
    def certainty(self) -> float:
        product = 1.0
        for factor in self.factors.values():
            product *= factor
        return round(product, 3)


def estimate(offers: Sequence[FittingOffer], retail: Money | None) -> Estimate | None:
    """What the product may fetch used; None where too little is known."""
    currency = _currency(offers, retail)
    if currency is None:
        return None
    new = retail.amount if retail is not None and retail.currency == currency else None
    ours = [_observed(one) for one in offers if one.offer.price.currency == currency]
    foreign = [_observed(one) for one in offers if one.offer.price.currency != currency]
    kept, outliers = without_outliers(ours)
    left_out = (*outliers, *((one, "other_currency") for one in sorted(foreign)))
    if sum(one.weight for one in kept) >= _LEAST_WEIGHT:
        return _from_offers(kept, left_out, currency, new)
    too_little = (*left_out, *((one, "too_little_weight") for one in kept))
    return _from_rule(new, too_little, currency) if new is not None else None


def weighted_quantile(observations: Iterable[Observation], share: Fraction) -> Decimal:
    """The least price at or below which there is this share of all weight. Of none there is none."""
    ordered = sorted(observations)
    wanted = share * sum(one.weight for one in ordered)
    reached = 0
    for one in ordered:
        reached += one.weight
        if reached >= wanted:
            return one.amount
    raise ValueError("no observations")


def without_outliers(
    observations: Sequence[Observation],
) -> tuple[tuple[Observation, ...], tuple[tuple[Observation, str], ...]]:
    """Those that lie no further beyond the quartiles than one and a half times their distance, on a scale of
    ratios: half the price is as far off as twice the price. And the others, with why."""
    ordered = tuple(sorted(observations))
    if len(ordered) < _FEWEST_FOR_OUTLIERS:
        return ordered, ()
    first, third = (Fraction(weighted_quantile(ordered, Fraction(part, 4))) for part in (1, 3))
    # x / third > ratio ** 1.5, squared, so that it is exact.
    limit = max(third / first, _LEAST_SPREAD) ** 3
    low = [one for one in ordered if (first / Fraction(one.amount)) ** 2 > limit]
    high = [one for one in ordered if (Fraction(one.amount) / third) ** 2 > limit]
    kept = tuple(one for one in ordered if one not in low and one not in high)
    return kept, (*((one, "too_low") for one in low), *((one, "too_high") for one in high))


def _currency(offers: Sequence[FittingOffer], retail: Money | None) -> str | None:
    """That of most offers; of several the one that it costs in when new."""
    counts = Counter(one.offer.price.currency for one in offers)
    asked_new = retail.currency if retail is not None else None
    return min(counts, key=lambda code: (-counts[code], code != asked_new, code), default=asked_new)


def _observed(one: FittingOffer) -> Observation:
    tenths = _WEIGHT_OF_AUCTION if one.offer.is_auction else _WEIGHT.get(one.offer.wear, 0)
    weight = tenths * round(one.fit * ONE_OFFER / 10)
    return Observation(one.offer.price.amount, weight, one.offer.link, one.offer.wear.value)


def _from_offers(
    kept: tuple[Observation, ...],
    left_out: tuple[tuple[Observation, str], ...],
    currency: str,
    new: Decimal | None,
) -> Estimate | None:
    weight = sum(one.weight for one in kept)
    # What it would fetch by the rule counts as one offer more.
    by_rule = () if new is None else (Observation(new * REMAINING_SHARE, ONE_OFFER, "", "share_of_new"),)
    used = (*kept, *by_rule)
    price, low, high = (weighted_quantile(used, share) for share in (PRICE, LOW, HIGH))
    root_of_offers = Decimal(isqrt(weight * 10_000 // ONE_OFFER)) / 100
    doubt = _DOUBT_OF_ONE / max(root_of_offers, Decimal("0.5"))
    low, high = min(low, price * (1 - doubt)), max(high, price * (1 + doubt))
    agrees = new is None or SHARE_RANGE[0] * new <= price <= SHARE_RANGE[1] * new
    factors = {
        "count": round(weight / (weight + 3 * ONE_OFFER), 3),
        "spread": round(float(low / high), 3),
        "agreement": (0.9 if new is None else 1.0) if agrees else 0.6,
    }
    return _rounded(Estimate(currency, price, low, high, used, left_out, factors))


def _from_rule(new: Decimal, left_out: tuple[tuple[Observation, str], ...], currency: str) -> Estimate | None:
    """Nobody sells a used one: what things of this price mostly fetch."""
    used = (Observation(new * REMAINING_SHARE, ONE_OFFER, "", "share_of_new"),)
    low, high = (share * new for share in SHARE_RANGE)
    factors = {"rule_of_thumb": _CERTAINTY_OF_RULE}
    return _rounded(Estimate(currency, used[0].amount, low, high, used, left_out, factors))


def _rounded(exact: Estimate) -> Estimate | None:
    """In the currency's smallest parts; None where not even one of them is left."""
    amounts = [money(amount, exact.currency) for amount in (exact.low, exact.price, exact.high)]
    low, price, high = (one.amount if one else None for one in amounts)
    if low is None or price is None or high is None:
        return None
    return Estimate(exact.currency, price, low, high, exact.used, exact.left_out, exact.factors)
