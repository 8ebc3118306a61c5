"""Words for images from before there was a search: their results were recorded without."""

from veilgate.domain.search import TermSource
from veilgate.domain.words import findable_words, words_of_labels
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.missing_words import lock_wordless, tags_by, wordless_after
from veilgate.persistence.unit_of_work import Database

_PAGE = 1_000
# As many in one transaction: on SQLite nobody else writes meanwhile.
_GROUP = 50


def write_missing_words(database: Database) -> int:
    """Go through all images that have a result, and write the words of those that have none; how many."""
    after, written = "", 0
    while True:
        with database.read() as transaction:
            wordless, last = wordless_after(transaction.connection, after, limit=_PAGE)
        for start in range(0, len(wordless), _GROUP):
            written += _write(database, wordless[start : start + _GROUP])
        if last is None:
            return written
        after = last


@again_after_deadlock
def _write(database: Database, image_ids: list[str]) -> int:
    with database.write() as transaction:
        # A new result, or the end of the image, waits for us or was before us.
        images = lock_wordless(transaction.connection, image_ids)
        for image in images:
            found = tags_by(transaction.connection, image.id, TermSource.DETECTED)
            words: dict[str, list[str]] = {
                TermSource.FILENAME: findable_words(image.filename),
                TermSource.DETECTED: words_of_labels(found),
            }
            transaction.terms.replace(image.id, words, owner_id=image.owner_id)
    return len(images)
