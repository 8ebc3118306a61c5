"""Housekeeping: originals that no row points to go, all others stay."""

from pathlib import Path

from tests.integration.persistence.databases import Shelf
from veilgate.services.housekeeping import Housekeeping
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
