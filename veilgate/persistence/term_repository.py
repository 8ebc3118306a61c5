"""The words that images are found by."""

from collections.abc import Sequence

from sqlalchemy import Connection

from search_models import image_terms

_I = image_terms.c


class TermRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, image_id: str, source: str, words: Sequence[str], *, owner_id: str) -> None:
        """From now on this source says these words of an image, and no others."""
        self._connection.execute(image_terms.delete().where(_I.image_id == image_id, _I.source == source))
        if words:
            self._connection.execute(
                image_terms.insert().values(image_id=image_id, source=source, owner_id=owner_id),
                [{"term": word} for word in words],
            )
