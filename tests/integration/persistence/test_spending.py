"""What lookups came to: added up by day, provider and owner, whoever adds at the same time."""

import threading
from datetime import date, timedelta

from tests.integration.persistence.databases import Shelf
from veilgate.domain.lookups import Bill
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.tables.outgoing import lookup_spending

BILLS = {"google_vision": Bill(2, 0, 6500), "ebay_search": Bill(1, 1, 0), "google_lens": Bill()}


def test_adds_up_for_all_owners(shelf: Shelf) -> None:
    for owner in ("one", "two", "one"):
        with shelf.database.write() as transaction:
            transaction.spending.add(owner, BILLS)
    with shelf.database.read() as transaction:
        today = transaction.spending.today()
        assert transaction.spending.of_day(today) == {
            "google_vision": Bill(6, 0, 19_500),
            "ebay_search": Bill(3, 3, 0),
        }
        assert transaction.spending.of_day("2026-01-01") == {}
    rows = shelf.rows("SELECT * FROM lookup_spending WHERE provider = 'google_vision' ORDER BY owner_id")
    assert [(row["day"], row["owner_id"], row["calls"]) for row in rows] == [
        (today, "one", 4),
        (today, "two", 2),
    ]


def test_days_that_are_long_gone_are_forgotten(shelf: Shelf) -> None:
    with shelf.database.write() as transaction:
        transaction.spending.add("one", {"google_vision": Bill(1), "ebay_search": Bill(2)})
        today = date.fromisoformat(transaction.spending.today())
        for provider, days_ago in (("google_vision", 400), ("ebay_search", 401)):
            transaction.connection.execute(
                lookup_spending.update()
                .where(lookup_spending.c.provider == provider)
                .values(day=str(today - timedelta(days_ago)))
            )
        assert transaction.spending.forget_older_than(400) == 1
    assert [row["provider"] for row in shelf.rows("SELECT provider FROM lookup_spending")] == [
        "google_vision"
    ]


def test_nothing_is_lost_when_many_add_at_once(shelf: Shelf) -> None:
    start = threading.Barrier(6)

    @again_after_deadlock
    def add(bills: dict[str, Bill]) -> None:
        with shelf.database.write() as transaction:
            transaction.spending.add("one", bills)

    def work(number: int) -> None:
        bills = dict(reversed(BILLS.items())) if number % 2 else BILLS
        start.wait()
        for _ in range(5):
            add(bills)

    threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with shelf.database.read() as transaction:
        found = transaction.spending.of_day(transaction.spending.today())
    assert found == {"google_vision": Bill(60, 0, 195_000), "ebay_search": Bill(30, 30, 0)}
