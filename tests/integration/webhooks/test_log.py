"""The log of deliveries: kept for so many days after their end."""

from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.persistence.databases import OWNER
from tests.integration.webhooks.post_office import DAY_MS, PostOffice
from veilgate.domain.access import Scope
from veilgate.services.access.keys import Keys
from veilgate.services.webhooks.delivery_log import DeliveryLog


def test_what_ended_long_ago_is_forgotten(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    log = DeliveryLog(office.shelf.database, kept_days=7)
    office.complete()
    office.send_all()
    office.age(6 * DAY_MS)
    office.complete()
    log.sweep_deliveries()
    assert office.statuses() == ["delivered", "pending"]
    office.age(2 * DAY_MS)
    log.sweep_deliveries()
    assert office.statuses() == ["pending"], "what waits is never forgotten"


def test_what_waits_for_a_key_that_ended_is_dropped(office: PostOffice, sink: WebhookSink) -> None:
    keys = Keys(office.shelf.database)
    key = keys.create(OWNER, frozenset(Scope)).record.prefix
    office.subscribe(sink, credential=f"key:{key}")
    office.complete()
    keys.revoke(key)
    office.send_all()
    assert sink.received == []
    DeliveryLog(office.shelf.database, kept_days=7).sweep_deliveries()
    assert office.statuses() == ["dropped"]
