"""Writing down what an owner says of an image, so that it is found by that."""

from veilgate.domain.errors import ImageNotFound
from veilgate.domain.ids import is_id
from veilgate.domain.notes import Notes
from veilgate.domain.search import TermSource
from veilgate.domain.words import findable_words, words_of_labels
from veilgate.persistence.browse_repository import BrowseRepository
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.unit_of_work import Database


class ImageNotes:
    def __init__(self, database: Database) -> None:
        self._database = database

    @again_after_deadlock
    def write(self, image_id: str, owner_id: str, notes: Notes) -> None:
        """What is given replaces what was said before. Raises `ImageNotFound`."""
        if not is_id(image_id):
            raise ImageNotFound
        columns = {"description": notes.description} if "description" in notes.given else {}
        words: dict[str, list[str]] = {}
        with self._database.write() as transaction:
            if not BrowseRepository(transaction.connection, owner_id).describe(image_id, columns):
                raise ImageNotFound
            if "description" in notes.given:
                words[TermSource.DESCRIBED] = findable_words(notes.description or "")
            if "tags" in notes.given:
                words[TermSource.TAGGED] = words_of_labels(notes.tags)
                counts = dict.fromkeys(notes.tags, 1)
                transaction.images.replace_tags(image_id, TermSource.TAGGED, counts, owner_id=owner_id)
            transaction.terms.replace(image_id, words, owner_id=owner_id)
