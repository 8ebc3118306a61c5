"""Words that a model of words has still to learn: how many wait, and who waits for them."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from tests.integration.persistence.databases import OWNER, Shelf
from tests.waiting import wait_until
from veilgate.services.finding.related_words import RelatedWordsFinder, WordsModel


class Words:
    """Every word has a direction of its own; one is too much for it, once."""

    model_id = "words"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, words: Sequence[str]) -> NDArray[np.float32]:
        self.asked += words
        if self.asked == ["odd"]:
            raise RuntimeError
        return np.eye(len(words), 8, dtype=np.float32)


@contextmanager
def open_finder(shelf: Shelf, model: WordsModel | None) -> Iterator[RelatedWordsFinder]:
    finder = RelatedWordsFinder(shelf.database, lambda: model)
    yield finder
    finder.close()


def test_without_a_model_nobody_waits_and_nothing_is_kept(sqlite_shelf: Shelf) -> None:
    with open_finder(sqlite_shelf, None) as finder:
        finder.related(OWNER, ["first"])
        wait_until(lambda: not finder._thread.is_alive(), timeout_s=5, what="the look for a model")
        began_s = time.monotonic()
        for n in range(50):
            assert finder.related(OWNER, [f"word{n}"]).source is None
        assert time.monotonic() - began_s < 2, "as long as ten questions wait in vain"
        assert not finder._queued
        assert finder._unseen.empty()


def test_words_that_failed_are_shown_to_it_again(sqlite_shelf: Shelf) -> None:
    model = Words()
    with open_finder(sqlite_shelf, model) as finder:
        assert finder.related(OWNER, ["odd"]).source is None
        wait_until(lambda: finder.related(OWNER, ["odd"]).source == "words", timeout_s=5, what="a source")
    assert model.asked == ["odd", "odd"]
