"""Which of an owner's words mean about the same as given ones, by a small model of words."""

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from veilgate.persistence.unit_of_work import Database
from veilgate.search.wire import RelatedWords
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
# An owner with more words than this has its first ones compared.
_MOST_WORDS = 20_000
_MOST_CACHED = 100_000  # 1.5 kB each
_MOST_RELATED = 8
# From here on 84 % of words of one meaning pass and 1.5 % of others: see inference/words/minilm.py.
_LEAST_LIKENESS = 0.67
_CHUNK = 64
# 40 s of learning; words beyond that are asked for again with the next question.
_MOST_QUEUED = 40_000
# A word takes 1 ms; those of a picture that was just stored are known within this.
_PATIENCE_S = 0.2
_LEAST_KNOWN = 0.9
# How long an owner's list of words is taken for the one in the database.
_FRESH_S = 10.0
_MOST_OWNERS = 64


class WordsModel(Protocol):
    @property
    def model_id(self) -> str: ...

    def embed(self, words: Sequence[str]) -> NDArray[np.float32]: ...


class RelatedWordsFinder:
    """The model is opened when somebody first asks, and words that it has not seen yet are shown to it, both
    in a thread of its own. Until most of an owner's words are known, and where there is no model, the answer
    is that there is no source, and whoever asked has other means."""

    def __init__(self, database: Database, open_model: Callable[[], WordsModel | None]) -> None:
        self._database = database
        self._open_model = open_model
        self._model: WordsModel | None = None
        self._is_closed = False  # also without a model: there is nobody who would learn
        self._turn = threading.Condition()
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._listed: OrderedDict[str, tuple[float, list[str]]] = OrderedDict()
        self._unseen: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()
        self._queued: set[str] = set()
        self._thread = threading.Thread(target=self._learn, name="words", daemon=True)
        self._thread.start()

    def related(self, owner_id: str, words: Sequence[str]) -> RelatedWords:
        if self._is_closed:
            return RelatedWords(None, dict.fromkeys(words, ()))
        listed = self._words_of(owner_id)
        with self._turn:
            self._ask_for([*words, *listed])
            self._turn.wait_for(lambda: self._queued.isdisjoint((*words, *listed)), _PATIENCE_S)
            known = {word: self._vectors[word] for word in listed if word in self._vectors}
            asked = [self._vectors[word] for word in words if word in self._vectors]
        if self._model is None or len(known) < _LEAST_KNOWN * len(listed) or len(asked) < len(words):
            return RelatedWords(None, dict.fromkeys(words, ()))
        if not known:
            return RelatedWords(self._model.model_id, dict.fromkeys(words, ()))
        names = list(known)
        scores = np.asarray(asked) @ np.asarray(list(known.values())).T
        return RelatedWords(
            self._model.model_id,
            {word: _best(word, names, row) for word, row in zip(words, scores, strict=True)},
        )

    def close(self) -> None:
        self._unseen.put(None)

    def _words_of(self, owner_id: str) -> list[str]:
        with self._turn:
            read_s, listed = self._listed.get(owner_id, (0.0, []))
        if read_s and time.monotonic() - read_s < _FRESH_S:
            return listed
        with self._database.read() as transaction:
            listed = transaction.terms.listed(owner_id, limit=_MOST_WORDS)
        with self._turn:
            self._listed[owner_id] = (time.monotonic(), listed)
            if len(self._listed) > _MOST_OWNERS:
                self._listed.popitem(last=False)
        return listed

    def _ask_for(self, words: Sequence[str]) -> None:
        """With the turn."""
        if self._is_closed:
            return
        asked = dict.fromkeys(words)
        unknown = [word for word in asked if word not in self._vectors and word not in self._queued]
        new = unknown[: max(0, _MOST_QUEUED - len(self._queued))]
        self._queued.update(new)
        for start in range(0, len(new), _CHUNK):
            self._unseen.put(new[start : start + _CHUNK])

    def _learn(self) -> None:
        try:
            words = self._unseen.get()
            if words is not None:
                self._model = self._open_model()
            while self._model and words is not None:
                self._learn_some(self._model, words)
                words = self._unseen.get()
        except Exception:  # noqa: BLE001 - a model that cannot be opened is none
            _log.exception("words.no_model")
        finally:
            with self._turn:
                self._is_closed = True
                self._queued.clear()
                self._turn.notify_all()
            self._unseen = queue.SimpleQueue()

    def _learn_some(self, model: WordsModel, words: Sequence[str]) -> None:
        learnt: dict[str, NDArray[np.float32]] = {}
        try:
            learnt = dict(zip(words, model.embed(words), strict=True))
        except Exception:  # noqa: BLE001 - these words have no synonyms then
            _log.exception("words.failed")
        finally:
            with self._turn:
                self._queued.difference_update(words)
                self._vectors.update(learnt)
                while len(self._vectors) > _MOST_CACHED:
                    self._vectors.popitem(last=False)
                self._turn.notify_all()


def _best(word: str, names: Sequence[str], scores: NDArray[np.float32]) -> list[tuple[str, float]]:
    order = np.argsort(-scores, kind="stable")[: _MOST_RELATED + 1]
    return [
        (names[place], round(float(scores[place]), 4))
        for place in order
        if scores[place] >= _LEAST_LIKENESS and names[place] != word
    ][:_MOST_RELATED]
