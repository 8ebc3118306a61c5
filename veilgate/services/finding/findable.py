"""What a shown result is found by: its embedding, and the words of its file name and of what was detected."""

from collections.abc import Mapping, Sequence

from veilgate.domain.search import TermSource
from veilgate.domain.words import findable_words, words_of_labels
from veilgate.persistence.search_records import NewEmbedding
from veilgate.persistence.term_repository import ImageWords
from veilgate.persistence.unit_of_work import Transaction
from veilgate.stages.contract import PictureWork
from veilgate.stages.embed_picture import EmbeddedPicture


def write_words(transaction: Transaction, shown: Sequence[tuple[PictureWork, Mapping[str, int]]]) -> None:
    """The words of results that are shown from now on, given with what was detected."""
    newest = {work.image_id: (work, detected) for work, detected in shown}.values()
    transaction.terms.replace_all(
        [
            ImageWords(
                work.image_id,
                work.owner_id,
                {
                    TermSource.FILENAME: findable_words(work.filename),
                    TermSource.DETECTED: words_of_labels(detected),
                },
            )
            for work, detected in newest
        ]
    )


def write_embeddings(transaction: Transaction, shown: Sequence[PictureWork]) -> None:
    """The embeddings of results that are shown from now on; near the end of their transaction.

    Those of the result that was shown before go, by whatever model: the picture may have been veiled more
    since. The search server makes what is missing.
    """
    newest = {work.image_id: work for work in shown}.values()
    for work in newest:
        # An image's first job has its id, and nothing was shown before that.
        if work.job_id != work.image_id:
            transaction.embeddings.remove(work.image_id)
    transaction.embeddings.put(
        [
            NewEmbedding(
                work.image_id, work.owner_id, made.model_id, made.picture_sha256, made.vector, made.failure
            )
            for work in newest
            if (made := work.get(EmbeddedPicture))
        ]
    )
