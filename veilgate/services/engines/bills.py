"""What asking came to, read off the outcomes of stages."""

from veilgate.domain.lookups import Bill
from veilgate.domain.outcomes import Outcome
from veilgate.domain.provider_errors import LookupFailed

_MICROS = 1_000_000


def bill_of(outcome: Outcome) -> Bill:
    """What was asked in vain has its price all the same."""
    if isinstance(outcome.error, LookupFailed):
        return outcome.error.bill
    cost = outcome.report.get("cost")
    if cost is None:
        return Bill()
    return Bill(cost["calls"], cost["cached"], round(cost["usd"] * _MICROS))
