"""Words for images from before there was a search: their results were recorded without."""

from collections.abc import Sequence

from veilgate.domain.search import TermSource
from veilgate.domain.words import findable_words, words_of_labels
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.missing_words import lock_wordless, tags_by, wordless_after
from veilgate.persistence.term_repository import ImageWords
from veilgate.persistence.unit_of_work import Database

_PAGE = 1_000
# As many in one transaction: on SQLite nobody else writes meanwhile.
_GROUP = 50


class MissingWords:
    def __init__(self, database: Database) -> None:
        self._database = database

    def write_missing_words(self) -> int:
        """Go through all images that show a result, and write the words of those that have none; how many."""
        last: str | None = ""
        written = 0
        while last is not None:
            with self._database.read() as transaction:
                wordless, last = wordless_after(transaction.connection, last, limit=_PAGE)
            for start in range(0, len(wordless), _GROUP):
                written += self._write(wordless[start : start + _GROUP])
        return written

    @again_after_deadlock
    def _write(self, image_ids: Sequence[str]) -> int:
        with self._database.write() as transaction:
            # A new result, or the end of the image, waits for us or was before us.
            images = lock_wordless(transaction.connection, image_ids)
            detected = tags_by(transaction.connection, image_ids, TermSource.DETECTED)
            transaction.terms.replace_all(
                [
                    ImageWords(
                        image.id,
                        image.owner_id,
                        {
                            TermSource.FILENAME: findable_words(image.filename),
                            TermSource.DETECTED: words_of_labels(detected.get(image.id, ())),
                        },
                    )
                    for image in images
                ]
            )
        return len(images)
