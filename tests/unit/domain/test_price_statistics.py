"""The estimate: between prices that somebody named, the same in any order, and in any unit."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as any_

from veilgate.domain.lookups import Money, Offer, Wear
from veilgate.domain.price_statistics import Estimate, Observation, estimate, weighted_quantile
from veilgate.domain.products import FittingOffer


def offered(
    amount: str | Decimal,
    *,
    currency: str = "EUR",
    wear: Wear = Wear.USED,
    is_auction: bool = False,
    fit: float = 1.0,
) -> FittingOffer:
    offer = Offer(
        Money(Decimal(amount), currency), f"https://a.example/{amount}", "K2", wear, is_auction=is_auction
    )
    return FittingOffer(offer, "ebay_search", fit)


def reckoned(*offers: FittingOffer, new: str | None = None) -> Estimate:
    found = estimate(offers, Money(Decimal(new), "EUR") if new else None)
    assert found is not None
    return found


USED = tuple(offered(amount) for amount in ("48", "52", "55", "58", "60", "64"))


def test_the_price_lies_below_the_middle_of_what_is_asked() -> None:
    found = reckoned(*USED)
    assert (found.price, found.currency) == (Decimal("55.00"), "EUR")
    assert found.low < Decimal("52") < Decimal("60") < found.high
    assert 0.4 < found.certainty < 0.8


def test_outliers_and_other_currencies_are_left_out_and_said_to_be() -> None:
    found = reckoned(*USED, offered("3"), offered("516"), offered("50", currency="USD"))
    assert found.price == reckoned(*USED).price
    assert {(one.amount, why) for one, why in found.left_out} == {
        (Decimal(3), "too_low"),
        (Decimal(516), "too_high"),
        (Decimal(50), "other_currency"),
    }


def test_prices_that_are_nearly_the_same_have_no_outliers() -> None:
    assert not reckoned(*(offered(amount) for amount in ("50", "50", "50", "50", "52"))).left_out


def test_bids_hardly_count() -> None:
    low_bids = [offered(amount, is_auction=True) for amount in ("40", "41")]
    assert reckoned(*USED, *low_bids).price >= Decimal("52")
    assert estimate([offered("31", is_auction=True)], None) is None


def test_more_that_agree_make_surer() -> None:
    one, three, six = (
        reckoned(*USED[2 : 2 + count]) if count < 6 else reckoned(*USED) for count in (1, 3, 6)
    )
    assert one.certainty < three.certainty < six.certainty
    assert (one.high - one.low) / one.price > (three.high - three.low) / three.price
    assert (
        reckoned(*USED, new="100").certainty
        > reckoned(*USED).certainty
        > reckoned(*USED, new="900").certainty
    )


def test_a_quantile_is_a_price_that_somebody_named() -> None:
    seen = [Observation(Decimal(amount), weight, "", "") for amount, weight in ((9, 1), (1, 1), (5, 8))]
    quantiles = [weighted_quantile(seen, Fraction(tenths, 10)) for tenths in (1, 2, 9, 10)]
    assert quantiles == [1, 5, 5, 9]


def test_without_offers_a_share_of_the_new_price_is_all_that_is_known() -> None:
    found = reckoned(new="100")
    assert (found.low, found.price, found.high) == (Decimal(35), Decimal(55), Decimal(80))
    assert found.certainty == 0.15
    assert estimate([], None) is None


PRICES = any_.decimals(min_value="0.01", max_value="100000", places=2)
OFFERS = any_.lists(
    any_.builds(
        offered,
        PRICES,
        currency=any_.sampled_from(["EUR", "EUR", "USD", "JPY"]),
        wear=any_.sampled_from([Wear.USED, Wear.REFURBISHED]),
        is_auction=any_.booleans(),
        fit=any_.floats(0.6, 1),
    ),
    max_size=12,
)


@given(OFFERS, any_.none() | PRICES, any_.randoms(use_true_random=False))
def test_the_estimate_is_within_its_range_and_in_any_order_the_same(
    offers: list[FittingOffer], new: Decimal | None, chance: object
) -> None:
    retail = Money(new, "EUR") if new else None
    found = estimate(offers, retail)
    chance.shuffle(offers)  # type: ignore[attr-defined]
    assert estimate(offers, retail) == found
    if found is not None:
        assert 0 < found.low <= found.price <= found.high
        assert 0 <= found.certainty <= 1


@given(any_.lists(any_.integers(100, 100_000), min_size=1, max_size=12), any_.integers(2, 50))
def test_what_costs_so_many_times_as_much_is_worth_so_many_times_as_much(
    cents: list[int], times: int
) -> None:
    once = reckoned(*(offered(Decimal(one) / 100) for one in cents))
    often = reckoned(*(offered(Decimal(one) * times / 100) for one in cents))
    assert often.price == once.price * times
    # Ends of the range are reckoned, and rounded to the cent.
    assert often.low == pytest.approx(once.low * times, abs=Decimal(times) / 100)
    assert often.high == pytest.approx(once.high * times, abs=Decimal(times) / 100)
    assert len(often.left_out) == len(once.left_out)
