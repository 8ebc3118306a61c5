"""Says what the thing may be worth used, how sure that is, and how it was reckoned."""

from dataclasses import replace
from typing import Any

from veilgate.domain.lookups import Bill, Money, Offer
from veilgate.domain.outcomes import Outcome
from veilgate.domain.price_statistics import (
    HIGH,
    LOW,
    ONE_OFFER,
    PRICE,
    REMAINING_SHARE,
    Estimate,
    Observation,
    estimate,
)
from veilgate.domain.prices import as_json
from veilgate.domain.products import IdentifiedProduct, RetailDetails, SecondHandOffers
from veilgate.lookups.ports import Refiner
from veilgate.stages.lookup_contract import LookupWork
from veilgate.stages.refining import Unrefined, ask_to_refine

TOO_FEW_PRICES = "too_few_prices"
_MOST_SHOWN = 20


class EstimatePrice:
    """Order statistics over what is asked for used ones and a share of the price when new. `refiner` may move
    the price within their range; where it cannot, the statistics stand."""

    name = "estimate_price"

    def __init__(self, *, refiner: Refiner | None) -> None:
        self._refiner = refiner

    async def run(self, work: LookupWork) -> Outcome:
        product = work.get(IdentifiedProduct)
        second_hand, details = work.get(SecondHandOffers), work.get(RetailDetails)
        offers = second_hand.offers if second_hand else ()
        retail = details.price if details else None
        reckoned = estimate(offers, retail)
        if reckoned is None:
            return Outcome.skipped(TOO_FEW_PRICES, {"used": len(offers), "new": int(retail is not None)})
        working = _working(reckoned, retail)
        report: dict[str, Any] = {}
        if self._refiner is not None and product is not None:
            asked_for = tuple(one.offer for one in offers[:_MOST_SHOWN])
            reckoned, said, bill = await _refined(self._refiner, reckoned, product, asked_for, work)
            working["refined"] = said
            report |= {"refined_by": self._refiner.name, "cost": bill.as_dict()}
        return Outcome.produced(reckoned, {**_report(reckoned), "working": working, **report})


async def _refined(
    refiner: Refiner,
    reckoned: Estimate,
    product: IdentifiedProduct,
    offers: tuple[Offer, ...],
    work: LookupWork,
) -> tuple[Estimate, dict[str, Any], Bill]:
    """The estimate with the model's price where it gives one within the range, what it said, and its bill."""
    bounds = (reckoned.low, reckoned.high, reckoned.currency)
    said: dict[str, Any] = {"by": refiner.name, "from": _text(reckoned)}
    refined = await ask_to_refine(refiner.judge_price(product.name, offers, bounds, asked=work.asked))
    if isinstance(refined, Unrefined):
        return reckoned, {**said, "kept": f"it could not be asked: {refined.code}"}, refined.bill
    price = refined.price
    if price is None or price.currency != reckoned.currency:
        return reckoned, {**said, "kept": "it gave no price of its own"}, refined.bill
    if not reckoned.low <= price.amount <= reckoned.high:
        return reckoned, {**said, "kept": "its price lies outside the range"}, refined.bill
    return replace(reckoned, price=price.amount), {**said, "reason": refined.reason[:500]}, refined.bill


def _report(reckoned: Estimate) -> dict[str, Any]:
    return {
        "price": _text(reckoned),
        "min_range": f"{reckoned.low:f}",
        "max_range": f"{reckoned.high:f}",
        "currency": reckoned.currency,
        "certainty": reckoned.certainty,
    }


def _text(reckoned: Estimate) -> str:
    return f"{reckoned.price:f}"


def _working(reckoned: Estimate, retail: Money | None) -> dict[str, Any]:
    """Every number that went in and came out, for who wants to reckon it again."""
    return {
        "used": [_observation(one) for one in reckoned.used[:_MOST_SHOWN]],
        "used_count": len(reckoned.used),
        "left_out": [
            {**_observation(one), "reason": reason} for one, reason in reckoned.left_out[:_MOST_SHOWN]
        ],
        "left_out_count": len(reckoned.left_out),
        "new": as_json(retail) if retail else None,
        "share_of_new": f"{REMAINING_SHARE:f}",
        "quantiles": {"min_range": float(LOW), "price": float(PRICE), "max_range": float(HIGH)},
        "certainty": reckoned.factors,
    }


def _observation(one: Observation) -> dict[str, Any]:
    return {
        "amount": f"{one.amount:f}",
        "weight": one.weight / ONE_OFFER,
        "link": one.link or None,
        "wear": one.wear,
    }
