"""What a lookup costs: the mean of those whose bills are known."""

import pytest

from tests.integration.persistence.databases import Shelf
from veilgate.domain.cost import EXAMPLE_PRICES
from veilgate.services.overview.cost import CostEstimates, LookupEstimate


def price(shelf: Shelf, **totals: int) -> LookupEstimate:
    with shelf.database.write() as transaction:
        transaction.totals.add(**totals)
    estimates = CostEstimates(shelf.database, EXAMPLE_PRICES, workers_a_machine=1, providers=lambda: [])
    return estimates.of(100).lookups


def test_lookups_whose_bills_are_forgotten_make_none_cheaper(sqlite_shelf: Shelf) -> None:
    """A million before bills were added up, of which those of the last 400 days were kept."""
    before = {"lookups_completed_before_bills": 1_000_000, "lookup_cost_micros_before_bills": 500_000_000}
    first = price(sqlite_shelf, lookups_completed=1_000_000, lookup_cost_micros=500_000_000, **before)
    assert (first.each_usd, first.measured) == (None, "no provider is on"), "none since"
    since = price(sqlite_shelf, lookups_completed=10, lookup_cost_micros=100_000)
    assert (since.each_usd, since.measured, since.usd) == (0.01, "here: 10 lookups", 1.0)


def test_a_house_that_began_later_counts_all_of_them(sqlite_shelf: Shelf) -> None:
    found = price(sqlite_shelf, lookups_completed=4, lookup_cost_micros=60_000)
    assert found.each_usd == pytest.approx(0.015)
