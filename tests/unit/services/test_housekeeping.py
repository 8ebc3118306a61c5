"""Housekeeping: originals that no row points to go, and direct uploads that are old; all others stay."""

import os
import time
from pathlib import Path

from tests.fixtures.object_server import S3Server
from tests.integration.persistence.databases import OWNER, Shelf
from tests.integration.storage.conftest import s3_store
from veilgate.domain.errors import ObjectStoreUnavailable
from veilgate.domain.lookups import Bill
from veilgate.persistence.records import NewDirectUpload
from veilgate.services.images.housekeeping import Housekeeping
from veilgate.storage.keys import original_day_prefix
from veilgate.storage.local import LocalObjectStore

DAY = "original/2026/01/01/"


def test_only_originals_of_that_day_without_a_row_are_removed(shelf: Shelf, tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "objects")
    kept = [f"known-{number:03}" for number in range(300)]
    orphans = [f"orphan-{number:03}" for number in range(300)]
    shelf.add(*kept)
    for image_id in kept + orphans:  # more than one page
        path = tmp_path / "objects" / DAY / image_id
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    store.put("original/2026/01/02/orphan-000", b"x", media_type="image/jpeg")
    assert Housekeeping(shelf.database, store).remove_orphans(DAY) == 300
    assert sorted(Path(key).name for key in store.list(DAY)) == kept
    assert list(store.list("original/2026/01/02/")) == ["original/2026/01/02/orphan-000"]


def test_a_store_that_fails_does_not_stop_the_reconciler(shelf: Shelf, tmp_path: Path) -> None:
    class Failing(LocalObjectStore):
        def list(self, prefix: str):  # type: ignore[no-untyped-def]
            raise OSError(prefix)

    with shelf.database.write() as transaction:
        transaction.idempotency.insert("key", owner_id="o", fingerprint="f")
    Housekeeping(shelf.database, Failing(tmp_path / "objects")).run()
    assert len(shelf.rows("SELECT * FROM idempotency_keys")) == 1, "and young keys stay"


def test_what_lookups_came_to_is_kept_for_as_long_as_the_audit_log(
    sqlite_shelf: Shelf, tmp_path: Path
) -> None:
    with sqlite_shelf.database.write() as transaction:
        for provider in ("ebay_search", "google_vision"):
            transaction.spending.add("one", {provider: Bill(1)})
        transaction.connection.exec_driver_sql(
            "UPDATE lookup_spending SET day = '2020-01-01' WHERE provider = 'ebay_search'"
        )
    Housekeeping(sqlite_shelf.database, LocalObjectStore(tmp_path / "objects")).run()
    assert [row["provider"] for row in sqlite_shelf.rows("SELECT provider FROM lookup_spending")] == [
        "google_vision"
    ]


def test_old_direct_uploads_go_with_what_was_put_for_them(shelf: Shelf, tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "objects")
    shelf.add("job-1")
    for upload_id in ("old-1", "old-2", "old-taken", "young"):
        key = f"announced/{upload_id}"
        with shelf.database.write() as transaction:
            transaction.direct_uploads.insert(
                NewDirectUpload(upload_id, OWNER, "a.jpg", 1, "0" * 64, "{}", key)
            )
        if upload_id != "old-2":
            store.put(key, b"x", media_type="image/jpeg")
    with shelf.database.write() as transaction:
        transaction.direct_uploads.bind("old-taken", "job-1", deduplicated=False)
        transaction.connection.exec_driver_sql(
            "UPDATE direct_uploads SET created_at_ms = created_at_ms - 172800001 WHERE id <> 'young'"
        )
    Housekeeping(shelf.database, store).run()
    assert [row["id"] for row in shelf.rows("SELECT id FROM direct_uploads")] == ["young"]
    assert list(store.list("announced/")) == ["announced/young"]
    assert len(shelf.rows("SELECT id FROM jobs")) == 1


def test_an_old_direct_upload_stays_known_while_the_store_is_away(shelf: Shelf, tmp_path: Path) -> None:
    class Away(LocalObjectStore):
        def delete(self, keys: list[str]) -> None:  # noqa: ARG002
            raise ObjectStoreUnavailable

    with shelf.database.write() as transaction:
        transaction.direct_uploads.insert(NewDirectUpload("u", OWNER, "a", 1, "0" * 64, "{}", "announced/u"))
        transaction.connection.exec_driver_sql("UPDATE direct_uploads SET created_at_ms = 1")
    Housekeeping(shelf.database, Away(tmp_path / "objects")).run()
    assert len(shelf.rows("SELECT id FROM direct_uploads")) == 1


def test_what_a_killed_writer_left_half_written_is_removed(shelf: Shelf, tmp_path: Path) -> None:
    """It may be an original; young ones may still be written."""
    store = LocalObjectStore(tmp_path / "objects")
    left, young = (tmp_path / "objects" / ".incoming" / name for name in ("left", "young"))
    for path in (left, young):
        path.write_bytes(b"half")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(left, (two_days_ago, two_days_ago))
    Housekeeping(shelf.database, store).run()
    assert (left.exists(), young.exists()) == (False, True)


def test_a_step_that_fails_keeps_no_other_from_being_done(shelf: Shelf, tmp_path: Path) -> None:
    class ListsNothing(LocalObjectStore):
        def list(self, prefix: str):  # type: ignore[no-untyped-def]
            raise ObjectStoreUnavailable(prefix)

    store = ListsNothing(tmp_path / "objects")
    left = tmp_path / "objects" / ".incoming" / "left"
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    Housekeeping(shelf.database, store).run()
    assert not left.exists()


def test_originals_without_a_row_are_found_when_nobody_looked_for_days(shelf: Shelf, tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "objects")
    for days_ago in (0, 1, 2, 9, 30):
        day = original_day_prefix(time.time() - days_ago * 86_400)
        store.put(f"{day}orphan-{days_ago}", b"x", media_type="image/jpeg")
    Housekeeping(shelf.database, store).run()
    assert sorted(Path(key).name for key in store.list("original/")) == ["orphan-0", "orphan-1"]


def test_of_versioned_originals_without_a_row_nothing_stays(sqlite_shelf: Shelf, s3_server: S3Server) -> None:
    """Also of those that somebody has deleted by their keys, which only hides them."""
    bucket, client = s3_server.new_bucket(), s3_server.client
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store = s3_store(s3_server.endpoint_url, bucket)
    sqlite_shelf.add("known")
    for name in ("known", "hidden", "seen"):
        store.put(f"{DAY}{name}", b"x", media_type="image/jpeg")
    store.delete([f"{DAY}hidden"])
    assert Housekeeping(sqlite_shelf.database, store).remove_orphans(DAY) == 2
    left = client.list_object_versions(Bucket=bucket)
    assert [one["Key"] for one in left["Versions"]] == [f"{DAY}known"]
    assert "DeleteMarkers" not in left
