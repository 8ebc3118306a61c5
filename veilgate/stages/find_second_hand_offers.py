"""Finds who sells used ones, and for how much."""

from typing import Any

from veilgate.domain.fitting_offers import SECOND_HAND, fitting_offers
from veilgate.domain.lookups import Finding, Offer
from veilgate.domain.outcomes import Outcome
from veilgate.domain.prices import as_json
from veilgate.domain.products import IdentifiedProduct, SecondHandOffers
from veilgate.stages.identify_product import NOTHING_RECOGNISED
from veilgate.stages.lookup_contract import LookupWork

NO_OFFERS = "no_offers"
_MOST_SHOWN = 20


class FindSecondHandOffers:
    name = "find_second_hand_offers"

    async def run(self, work: LookupWork) -> Outcome:
        product = work.get(IdentifiedProduct)
        if product is None:
            return Outcome.skipped(NOTHING_RECOGNISED)
        found = [(finding.provider, offer) for finding in work.every(Finding) for offer in finding.offers]
        fitting = fitting_offers(found, product, SECOND_HAND)
        report = {
            "offers": [_report(one.offer) for one in fitting.offers[:_MOST_SHOWN]],
            "count": len(fitting.offers),
            "left_out": dict(sorted(fitting.left_out.items())),
        }
        if not fitting.offers:
            return Outcome.skipped(NO_OFFERS, report)
        return Outcome.produced(SecondHandOffers(fitting.offers), report)


def _report(offer: Offer) -> dict[str, Any]:
    return {
        "price": as_json(offer.price),
        "link": offer.link,
        "title": offer.title,
        "wear": offer.wear.value,
    }
