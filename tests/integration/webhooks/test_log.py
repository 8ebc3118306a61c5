"""The log of deliveries: kept for so many days after their end."""

from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.persistence.databases import OWNER
from tests.integration.webhooks.post_office import DAY_MS, PostOffice
from veilgate.domain.access import Scope
from veilgate.domain.ids import new_id
from veilgate.services.delivery_log import DeliveryLog
from veilgate.services.keys import Keys


def complete(office: PostOffice) -> None:
    job_id = new_id()
    office.shelf.add(job_id)
    office.happen(job_id, "completed")


def grow_older(office: PostOffice, days: int) -> None:
    with office.shelf.database.write() as transaction:
        transaction.connection.exec_driver_sql(
            f"UPDATE webhook_deliveries SET finished_at_ms = finished_at_ms - {days * DAY_MS},"  # noqa: S608
            f" created_at_ms = created_at_ms - {days * DAY_MS}"
        )


def test_what_ended_long_ago_is_forgotten(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    log = DeliveryLog(office.shelf.database, kept_days=7)
    complete(office)
    office.send_all()
    grow_older(office, 6)
    complete(office)
    log.sweep_deliveries()
    assert office.statuses() == ["delivered", "pending"]
    grow_older(office, 2)
    log.sweep_deliveries()
    assert office.statuses() == ["pending"], "what waits is never forgotten"


def test_what_waits_for_a_key_that_ended_is_dropped(office: PostOffice, sink: WebhookSink) -> None:
    keys = Keys(office.shelf.database)
    key = keys.create(OWNER, frozenset(Scope)).record.prefix
    office.subscribe(sink, credential=f"key:{key}")
    complete(office)
    keys.revoke(key)
    office.send_all()
    assert sink.received == []
    DeliveryLog(office.shelf.database, kept_days=7).sweep_deliveries()
    assert office.statuses() == ["dropped"]
