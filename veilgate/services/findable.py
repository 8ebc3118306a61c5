"""What a shown result is found by: its embedding, and the words of its file name and of what was detected."""

from collections.abc import Mapping, Sequence

from veilgate.domain.search import TermSource
from veilgate.domain.words import words_of
from veilgate.persistence.search_records import NewEmbedding
from veilgate.persistence.unit_of_work import Transaction
from veilgate.stages.contract import PictureWork
from veilgate.stages.embed_picture import EmbeddedPicture


def write_words(transaction: Transaction, work: PictureWork, detected: Mapping[str, int]) -> None:
    """In the transaction that shows the result."""
    for source, words in (
        (TermSource.FILENAME, words_of(work.filename)),
        (TermSource.DETECTED, [word for label in detected for word in words_of(label)]),
    ):
        transaction.terms.replace(work.image_id, source, words, owner_id=work.owner_id)


def write_embeddings(transaction: Transaction, shown: Sequence[PictureWork]) -> None:
    """The embeddings of results that are shown from now on; near the end of their transaction."""
    transaction.embeddings.put(
        [
            NewEmbedding(
                work.image_id, work.owner_id, made.model_id, made.picture_sha256, made.vector, made.failure
            )
            for work in shown
            if (made := work.get(EmbeddedPicture))
        ]
    )
