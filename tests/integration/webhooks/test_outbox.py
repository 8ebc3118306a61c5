"""The outbox: who hears of what is written down with the event, or not at all."""

from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.persistence.databases import OWNER, Shelf
from tests.integration.webhooks.post_office import CALLER, ME, PostOffice, event
from veilgate.domain.access import Scope
from veilgate.persistence.unit_of_work import Transaction
from veilgate.services.access.keys import Keys
from veilgate.services.images.erase import Erase
from veilgate.services.webhooks.webhooks import WebhookChange
from veilgate.storage.local import LocalObjectStore

JOB = "01890a5d-ac96-774b-bcce-b302099a8057"


def events_of(office: PostOffice) -> list[str]:
    return [row["event"] for row in office.deliveries()]


def test_whoever_names_no_events_hears_of_ends(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    office.shelf.add(JOB)
    office.happen(JOB, "decode_picture", "submitted", "completed")
    assert events_of(office) == ["job.completed"]
    (row,) = office.deliveries()
    assert (row["job_id"], row["image_id"], row["seq"], row["status"]) == (JOB, JOB, 4, "pending")


def test_whoever_names_some_hears_of_those(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    office.subscribe(sink, "stage.ended", "job.retried", "job.failed")
    office.shelf.add(JOB)
    office.happen(JOB, "decode_picture", "submitted", "find_faces", "completed")
    assert events_of(office) == ["stage.ended", "job.retried", "stage.ended"]


def test_others_hear_nothing(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    office.subscribe(sink, owner="somebody")
    off = office.subscribe(sink).endpoint.id
    office.webhooks.change(off, CALLER, WebhookChange(enabled=False), ME)
    office.shelf.add(JOB)
    office.happen(JOB, "completed")
    assert events_of(office) == []


def test_an_event_that_is_undone_was_never_told(sqlite_shelf: Shelf, sink: WebhookSink) -> None:
    office = PostOffice(sqlite_shelf)
    office.subscribe(sink)
    office.shelf.add(JOB)
    with office.shelf.engine.connect() as connection:
        Transaction(connection).events.append(JOB, event("completed"))
        connection.rollback()
    assert events_of(office) == []


def test_a_key_that_ends_silences_what_was_made_with_it(office: PostOffice, sink: WebhookSink) -> None:
    keys = Keys(office.shelf.database)
    ended, rotated = (keys.create(OWNER, frozenset(Scope)).record.prefix for _ in range(2))
    office.subscribe(sink, credential=f"key:{ended}")
    heir = office.subscribe(sink, credential=f"key:{rotated}").endpoint.id
    office.shelf.add(JOB)
    keys.revoke(ended)
    keys.rotate(rotated, overlap_s=0)
    office.happen(JOB, "completed")
    assert [row["endpoint_id"] for row in office.deliveries()] == [heir], "rotating a key silences nobody"
    silent, _ = office.webhooks.list(OWNER)
    assert not silent.is_on
    assert office.webhooks.change(silent.id, CALLER, WebhookChange(enabled=True), ME).is_on


def test_erasing_takes_along_what_was_told(office: PostOffice, sink: WebhookSink) -> None:
    office.subscribe(sink)
    office.shelf.add(JOB)
    office.happen(JOB, "completed")
    store = LocalObjectStore(office.shelf.folder / "objects")
    Erase(office.shelf.database, store).erase(JOB, OWNER, ME)
    (row,) = office.deliveries()
    assert (row["event"], row["job_id"], row["image_id"]) == ("image.erased", None, JOB)


def test_deleting_a_webhook_takes_its_log_along(office: PostOffice, sink: WebhookSink) -> None:
    made = office.subscribe(sink).endpoint
    office.shelf.add(JOB)
    office.happen(JOB, "completed")
    office.webhooks.delete(made.id, OWNER, ME)
    assert office.deliveries() == []
    office.happen(JOB, "failed")
    assert office.deliveries() == []
