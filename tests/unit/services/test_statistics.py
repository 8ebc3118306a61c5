"""The age that people are shown is the one that closes the house."""

from tests.integration.persistence.databases import Shelf
from veilgate.domain.jobs import Lane
from veilgate.services.overview.statistics import Statistics


def test_age_is_counted_from_when_a_job_became_due(shelf: Shelf) -> None:
    with shelf.database.read() as transaction:
        now_ms = transaction.now_ms()
    shelf.add("retried", lane=Lane.INTERACTIVE)
    shelf.change("retried", created_at_ms=1, not_before_ms=now_ms - 7000)
    shelf.add("in-back-off", lane=Lane.BULK)
    shelf.change("in-back-off", created_at_ms=1, not_before_ms=now_ms + 3_600_000)
    waiting = Statistics(shelf.database).queues()["waiting"]
    assert waiting[Lane.INTERACTIVE]["jobs"] == 1
    assert 7 <= waiting[Lane.INTERACTIVE]["oldest_age"] < 60
    assert waiting[Lane.BULK] == {"jobs": 1, "oldest_age": 0}
