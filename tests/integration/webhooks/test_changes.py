"""Making and changing webhooks: written down, and by keys alone."""

import pytest

from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.persistence.databases import OWNER, Shelf
from tests.integration.webhooks.post_office import CALLER, ME, PostOffice
from veilgate.domain.access import EVERY_SCOPE, Caller
from veilgate.domain.errors import Forbidden
from veilgate.services.access.audit import Audit
from veilgate.services.webhooks.webhooks import WebhookChange

BY_TOKEN = Caller(OWNER, EVERY_SCOPE, f"jwt:{OWNER}")


def test_every_change_is_written_down(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    made = office.subscribe(sink).endpoint
    office.webhooks.change(made.id, CALLER, WebhookChange(url=f"{sink.url}/new"), ME)
    office.webhooks.rotate(made.id, CALLER, ME)
    office.webhooks.delete(made.id, OWNER, ME)
    entries = Audit(sqlite_shelf.database).list(since_ms=0, limit=9)
    assert [entry.action for entry in reversed(entries)] == [
        "webhook.created",
        "webhook.changed",
        "webhook.rotated",
        "webhook.deleted",
    ]
    told = {
        (entry.owner_id, entry.actor, entry.subject, entry.client, entry.correlation_id) for entry in entries
    }
    assert told == {(OWNER, ME.actor, f"webhook:{made.id}", ME.client, ME.correlation_id)}


def test_a_token_makes_and_changes_none(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    """It would have expired, and the messages would go on."""
    office = PostOffice(sqlite_shelf)
    made = office.subscribe(sink).endpoint
    with pytest.raises(Forbidden):
        office.webhooks.create(BY_TOKEN, WebhookChange(url=sink.url), ME)
    with pytest.raises(Forbidden):
        office.webhooks.change(made.id, BY_TOKEN, WebhookChange(url=f"{sink.url}/theirs"), ME)
    with pytest.raises(Forbidden):
        office.webhooks.rotate(made.id, BY_TOKEN, ME)
    assert office.webhooks.list(OWNER) == [made]
