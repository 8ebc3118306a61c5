"""Images from before there was a search are found by words after the next housekeeping."""

from sqlalchemy import text

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.services.finding.missing_words import MissingWords


def test_who_shows_a_result_without_words_gets_them(shelf: Shelf) -> None:
    shelf.add("done", "waits", "has", "described", "nameless")
    with shelf.database.write() as transaction:
        connection = transaction.connection
        connection.execute(text("UPDATE processed_images SET filename = 'RedVan.jpg' WHERE id <> 'nameless'"))
        connection.execute(text("UPDATE processed_images SET filename = '__.jpg' WHERE id = 'nameless'"))
        connection.execute(text("UPDATE processed_images SET current_job_id = id WHERE id <> 'waits'"))
        transaction.images.replace_tags("done", "detected", {"traffic light": 2}, owner_id=OWNER)
        transaction.images.replace_tags("done", "tagged", {"mine": 1}, owner_id=OWNER)
        transaction.terms.replace("has", {"filename": ["other"]}, owner_id=OWNER)
        transaction.terms.replace("described", {"described": ["meadow"]}, owner_id=OWNER)
    MissingWords(shelf.database).write_missing_words()
    rows = shelf.rows("SELECT image_id, source, term FROM image_terms")
    assert {(row["image_id"], row["source"], row["term"]) for row in rows} == {
        ("done", "filename", "redvan"),
        ("done", "filename", "red"),
        ("done", "filename", "van"),
        ("done", "detected", "traffic"),
        ("done", "detected", "light"),
        ("has", "filename", "other"),
        ("described", "described", "meadow"),
        ("described", "filename", "redvan"),
        ("described", "filename", "red"),
        ("described", "filename", "van"),
    }
    assert MissingWords(shelf.database).write_missing_words() == 1, "but what has none stays without"
