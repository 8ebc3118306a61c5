"""Words that mean about the same: from the search server's words model, else from a list of our own."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from veilgate.domain.errors import Unavailable
from veilgate.domain.rejections import InputRejected
from veilgate.search.client import SearchClient

BUILT_IN = "built-in"
_LIST = Path(__file__).with_name("synonym_groups.txt")
# A search server that did not answer is left alone so long: every text search would wait for it.
_LEFT_ALONE_S = 5.0


@dataclass(frozen=True, slots=True)
class RelatedWords:
    """`source` is `built-in`, or the model that says so."""

    source: str
    by_word: Mapping[str, Sequence[str]]


class Synonyms:
    """`client` should be one that gives up early: without an answer the list is as good as always."""

    def __init__(self, client: SearchClient) -> None:
        self._client = client
        self._asked_again_at_s = 0.0

    def of(self, words: Sequence[str], owner_id: str) -> RelatedWords:
        if time.monotonic() >= self._asked_again_at_s and (asked := self._ask(words, owner_id)):
            return asked
        return RelatedWords(BUILT_IN, {word: built_in(word) for word in words})

    def _ask(self, words: Sequence[str], owner_id: str) -> RelatedWords | None:
        """None without an answer, or without a model."""
        try:
            found = self._client.related(owner_id, words)
        except (Unavailable, InputRejected):
            self._asked_again_at_s = time.monotonic() + _LEFT_ALONE_S
            return None
        if found.source is None:
            self._asked_again_at_s = time.monotonic() + _LEFT_ALONE_S
            return None
        return RelatedWords(
            found.source, {word: [term for term, _ in pairs] for word, pairs in found.by_word.items()}
        )


def built_in(word: str) -> list[str]:
    """By the list, nearest first; of words that are not in it none."""
    return list(_table().get(word, ()))


@cache
def _table() -> Mapping[str, Iterable[str]]:
    found: dict[str, dict[str, None]] = {}
    for line in _LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        before, colon, behind = line.partition(":")
        words = before.split()
        for word in words:
            others = behind.split() if colon else [other for other in words if other != word]
            found.setdefault(word, {}).update(dict.fromkeys(others))
    return found
