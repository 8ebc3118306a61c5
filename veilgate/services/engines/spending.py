"""What stages of lookups came to, added to what their owners have spent today."""

from collections import defaultdict
from collections.abc import Sequence

from veilgate.domain.lookups import Bill
from veilgate.domain.totals import LOOKUP_CACHED, LOOKUP_CALLS, LOOKUP_COST_MICROS
from veilgate.persistence.unit_of_work import Transaction
from veilgate.services.engines.bills import bill_of
from veilgate.services.engines.engine_reports import StageReport


def spent_totals(reports: Sequence[StageReport]) -> dict[str, int]:
    """What they add to the totals of what lookups came to, ever."""
    spent = sum((bill_of(report.outcome) for report in reports), Bill())
    return {LOOKUP_CALLS: spent.calls, LOOKUP_CACHED: spent.cached, LOOKUP_COST_MICROS: spent.cost_micros}


def write_spending(transaction: Transaction, reports: Sequence[StageReport]) -> None:
    """Last in a transaction, because many add to the same rows."""
    spent: dict[str, dict[str, Bill]] = defaultdict(dict)
    for report in reports:
        bill = bill_of(report.outcome)
        if bill != Bill():
            of_owner = spent[report.work.owner_id]
            # A stage is named after the provider that it asks, unless it only has its answer refined.
            provider = report.outcome.report.get("refined_by", report.stage)
            of_owner[provider] = of_owner.get(provider, Bill()) + bill
    for owner_id, bills in sorted(spent.items()):
        transaction.spending.add(owner_id, bills)
