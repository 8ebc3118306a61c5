"""What a shown result is found by never outlives the result."""

from dataclasses import replace

from tests.integration.persistence.databases import OWNER, Shelf
from tests.unit.stages.stand_in_stages import work_of
from veilgate.domain.search import IndexOperation
from veilgate.persistence.search_records import NewEmbedding
from veilgate.services.finding.findable import write_embeddings
from veilgate.stages.contract import PictureWork
from veilgate.stages.embed_picture import EmbeddedPicture


def shown(job_id: str, image_id: str, vector: bytes | None = None) -> PictureWork:
    work = replace(work_of(job_id), image_id=image_id, owner_id=OWNER)
    if vector:
        work.products[EmbeddedPicture] = EmbeddedPicture("new", "0" * 64, vector)
    return work


def stored(shelf: Shelf) -> dict[tuple[str, str], bytes]:
    rows = shelf.rows("SELECT image_id, model_id, vector FROM embeddings")
    return {(row["image_id"], row["model_id"]): row["vector"] for row in rows}


def write(shelf: Shelf, *works: PictureWork) -> None:
    with shelf.database.write() as transaction:
        write_embeddings(transaction, works)


def embed_earlier(shelf: Shelf, image_id: str, *model_ids: str) -> None:
    shelf.add(image_id)
    with shelf.database.write() as transaction:
        transaction.embeddings.put(
            [NewEmbedding(image_id, OWNER, model_id, "1" * 64, b"earlier!") for model_id in model_ids]
        )


def test_a_first_result_brings_its_embedding(sqlite_shelf: Shelf) -> None:
    sqlite_shelf.add("a", "b")
    write(sqlite_shelf, shown("a", "a", b"vector a"), shown("b", "b"))
    assert stored(sqlite_shelf) == {("a", "new"): b"vector a"}


def test_a_newer_result_replaces_the_embeddings_of_all_models(sqlite_shelf: Shelf) -> None:
    """More may be veiled now: nobody is to find it by what it was."""
    embed_earlier(sqlite_shelf, "a", "new", "old")
    write(sqlite_shelf, shown("redo", "a", b"vector 2"))
    assert stored(sqlite_shelf) == {("a", "new"): b"vector 2"}
    with sqlite_shelf.database.read() as transaction:
        after = transaction.embeddings.log_after(2, model_id="old", limit=9)
    assert [entry.operation for entry in after] == [IndexOperation.REMOVE]


def test_a_newer_result_that_was_not_embedded_leaves_none(sqlite_shelf: Shelf) -> None:
    embed_earlier(sqlite_shelf, "a", "new")
    embed_earlier(sqlite_shelf, "other", "new")
    write(sqlite_shelf, shown("redo", "a"))
    assert stored(sqlite_shelf) == {("other", "new"): b"earlier!"}


def test_of_two_results_in_one_transaction_the_newer_counts(sqlite_shelf: Shelf) -> None:
    sqlite_shelf.add("a", "b")
    write(
        sqlite_shelf,
        shown("a", "a", b"vector a"),
        shown("b", "b", b"vector b"),
        shown("redo of a", "a"),
        shown("redo of b", "b", b"vector 2"),
    )
    assert stored(sqlite_shelf) == {("b", "new"): b"vector 2"}
