"""`verify` proves that what was erased is gone: each thing that is left is found, and goes."""

from pathlib import Path

import pytest
from sqlalchemy import update

from database_models import processed_images
from tests.integration.persistence.databases import OWNER, Shelf
from tests.unit.services.test_erase import furnish, put, tables_that_know
from veilgate.domain.ids import new_id
from veilgate.persistence.tables.search import tombstones
from veilgate.services.images.erase import AskedBy, Erase
from veilgate.services.images.retention import Retention
from veilgate.services.verification.verification import Check, Summary, Verdict, Verification
from veilgate.services.verification.verify_erased import ErasedLeftovers, KeptOriginals
from veilgate.services.verification.verify_originals import LostOriginals, OrphanOriginals
from veilgate.storage.local import LocalObjectStore

ME = AskedBy("me")


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def verified(*checks: Check, repair: bool = False) -> tuple[Summary, list[Verdict]]:
    told: list[Verdict] = []
    summary = Verification(checks, repair=repair).run(tell=told.append, progress=lambda _what, _number: None)
    return summary, told


def test_nothing_is_left_of_what_was_erased(shelf: Shelf, store: LocalObjectStore) -> None:
    image_id, _ = furnish(shelf, store)
    Erase(shelf.database, store).erase(image_id, OWNER, ME)
    summary, _ = verified(ErasedLeftovers(shelf.database, store, patience_ms=0))
    assert summary.agrees
    assert summary.looked_at == {"erased images": 1}


def test_files_are_on_their_way_for_a_while(shelf: Shelf, store: LocalObjectStore) -> None:
    image_id, job_id = furnish(shelf, store)
    Erase(shelf.database, store).erase(image_id, OWNER, ME)
    put(store, f"results/{job_id}/3/processed.jpg")
    check = ErasedLeftovers(shelf.database, store, patience_ms=60_000)
    assert verified(check)[0].agrees, "somebody will look there within seconds"
    with shelf.database.write() as transaction:
        transaction.connection.execute(update(tombstones).values(look_at_ms=None))
    summary, [verdict] = verified(check, repair=True)
    assert verdict.finding.name == "erased_leftover"
    assert verdict.finding.subject == f"image {image_id}"
    assert f"results/{job_id}/3/processed.jpg" in verdict.finding.text
    assert summary.agrees
    assert list(store.list("")) == []


def test_an_image_that_came_back_with_a_backup_goes_again(shelf: Shelf, store: LocalObjectStore) -> None:
    """The backup is older than the erasing, and the tombstone was put back beside it."""
    image_id, job_id = furnish(shelf, store)
    with shelf.database.write() as transaction:
        transaction.tombstones.put(image_id, [f"results/{job_id}/"], owner_id=OWNER, look_in_ms=-9)
    check = ErasedLeftovers(shelf.database, store, patience_ms=0)
    _, [verdict] = verified(check)
    assert "processed_images" in verdict.finding.text or "more" in verdict.finding.text
    summary, _ = verified(check, repair=True)
    assert summary.agrees
    assert verified(check)[1] == []
    assert tables_that_know(shelf, image_id) <= {"tombstones", "audit_log", "index_log"}
    assert list(store.list("")) == []


def test_a_likeness_to_what_was_erased(shelf: Shelf, store: LocalObjectStore) -> None:
    image_id, other = new_id(), new_id()
    shelf.add(image_id, other)
    Erase(shelf.database, store).erase(image_id, OWNER, ME)
    with shelf.database.write() as transaction:
        transaction.connection.execute(
            update(processed_images).values(near_duplicate_of=image_id, near_duplicate_score=0.9)
        )
    check = ErasedLeftovers(shelf.database, store, patience_ms=0)
    assert verified(check, repair=True)[0].agrees
    [row] = shelf.rows("SELECT id, near_duplicate_of FROM processed_images")
    assert row == {"id": other, "near_duplicate_of": None}


def test_a_group_that_is_called_by_what_was_erased(shelf: Shelf, store: LocalObjectStore) -> None:
    erased, first, second = sorted(new_id() for _ in range(3))
    shelf.add(erased, first, second)
    Erase(shelf.database, store).erase(erased, OWNER, ME)
    with shelf.database.write() as transaction:
        transaction.connection.execute(update(processed_images).values(duplicate_group=erased))
    check = ErasedLeftovers(shelf.database, store, patience_ms=0)
    summary, [verdict] = verified(check, repair=True)
    assert verdict.finding.name == "erased_leftover"
    assert summary.agrees
    rows = shelf.rows("SELECT id, duplicate_group FROM processed_images ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [(first, first), (second, first)]


def test_a_dropped_original_is_not_lost_and_not_kept(shelf: Shelf, store: LocalObjectStore) -> None:
    image_id = new_id()
    shelf.add(image_id)
    key = f"original/2026/01/01/{image_id}"
    put(store, key)
    shelf.change(image_id, status="completed", updated_at_ms=1)
    with shelf.database.write() as transaction:
        transaction.connection.execute(update(processed_images).values(created_at_ms=1))
    Retention(shelf.database, store, kept_days=1).drop_originals()
    checks = (
        LostOriginals(shelf.database, store, deep=True),
        KeptOriginals(shelf.database, store, patience_ms=-60_000),
        OrphanOriginals(shelf.database, store),
    )
    assert verified(*checks)[1] == []
    put(store, key)
    summary, told = verified(*checks, repair=True)
    assert [verdict.finding.name for verdict in told] == ["original_kept"]
    assert summary.agrees
    assert list(store.list("")) == []
