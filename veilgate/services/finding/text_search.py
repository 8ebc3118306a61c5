"""Finding images by words: those of their file names, tags and descriptions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from veilgate.domain.cursors import cursor_to, place_in
from veilgate.domain.expansions import KIND_WEIGHTS, Expansion, Rank
from veilgate.domain.ids import is_id
from veilgate.domain.rejections import InvalidCursor, InvalidOption
from veilgate.domain.search import Exactness, ImageFilters
from veilgate.domain.spelling import most_slips, other_numbers, slips_between
from veilgate.domain.words import words_of
from veilgate.persistence.unit_of_work import Database, Transaction
from veilgate.persistence.word_search import FoundTerm, WordSearch
from veilgate.services.finding.synonyms import RelatedWords, Synonyms
from veilgate.services.images.browse import Browse

LONGEST_QUERY = 200
MOST_WORDS = 10
# They say nothing of a picture; left out unless there is nothing else.
_SMALL_WORDS = frozenset(
    {
        "a",
        "an",
        "and",
        "are",
        "at",
        "by",
        "for",
        "from",
        "in",
        "is",
        "it",
        "of",
        "on",
        "or",
        "the",
        "to",
        "with",
    }
)
_MOST_SLIPS = 20
_MOST_COMPLETIONS_NAMED = 10
_MOST_MATCHES_NAMED = 5
_SCORE_DIGITS = 4
_LARGEST_SUM = 2**31


@dataclass(frozen=True, slots=True)
class WordsWanted:
    """What is looked for: `k` images that have some of the words and pass, from where a `cursor` leads."""

    text: str
    k: int = 10
    filters: ImageFilters = field(default_factory=ImageFilters)
    min_score: float = 0.0
    cursor: str | None = None


class TextSearch:
    def __init__(self, database: Database, browse: Browse, synonyms: Synonyms) -> None:
        self._database = database
        self._browse = browse
        self._synonyms = synonyms

    def search(self, owner_id: str, wanted: WordsWanted) -> dict[str, Any]:
        """The answer of `GET /search`. Raises `InvalidOption` for a text without words, or with too many, and
        `InvalidCursor`."""
        words = query_words(wanted.text)
        pages_of = f"words\n{words}\n{wanted.filters}\n{wanted.min_score}"
        after = _rank_in(wanted.cursor, of=pages_of)
        related = self._synonyms.of(words, owner_id)
        with self._database.read() as transaction:
            search = WordSearch(transaction.connection, owner_id)
            expansions = _expanded(search, words, related)
            ranking = search.ranked(
                expansions,
                wanted.filters,
                limit=wanted.k + 1,
                min_score=wanted.min_score,
                after=after,
            )
            shown = ranking.ranks[: wanted.k]
            hits = self._hits(transaction, owner_id, shown, expansions)
            named = [_named(search, one) for one in expansions]
        last = shown[-1] if len(ranking.ranks) > len(shown) else None
        return {
            "hits": hits,
            "exactness": Exactness.EXACT if ranking.is_exact else Exactness.APPROXIMATE,
            "words": named,
            "synonyms": related.source,
            "next": cursor_to([last.met, last.total, last.image_id], of=pages_of) if last else None,
        }

    def _hits(
        self, transaction: Transaction, owner_id: str, ranks: Sequence[Rank], expansions: Sequence[Expansion]
    ) -> list[dict[str, Any]]:
        if not ranks:
            return []
        image_ids = [rank.image_id for rank in ranks]
        images = self._browse.described(transaction, image_ids, owner_id)
        found: dict[str, list[FoundTerm]] = defaultdict(list)
        for term in WordSearch(transaction.connection, owner_id).found_in(image_ids, expansions):
            found[term.image_id].append(term)
        return [
            {
                **images[rank.image_id],
                "score": round(rank.score_of(len(expansions)), _SCORE_DIGITS),
                "matches": [match for one in expansions for match in _matches(one, found[rank.image_id])],
            }
            for rank in ranks
            if rank.image_id in images
        ]


def query_words(text: str) -> list[str]:
    """Raises `InvalidOption` when there is none, or too many."""
    words = words_of(text)
    words = [word for word in words if word not in _SMALL_WORDS] or words
    if not words:
        raise InvalidOption("q: there is no word in it.")
    if len(words) > MOST_WORDS:
        raise InvalidOption(f"q: at most {MOST_WORDS} words are looked for.")
    return words


def _expanded(search: WordSearch, words: Sequence[str], related: RelatedWords) -> list[Expansion]:
    """What the words may be found as, as far as the owner's images have it."""
    numbers = {word: other_numbers(word) for word in words}
    others = {other for word in words for other in (*numbers[word], *related.by_word.get(word, ()))}
    known = search.known({*words, *others})
    found = []
    for word in words:
        plain = Expansion(word)
        in_number = tuple(other for other in numbers[word] if other in known)
        slips = () if word in known or in_number else _slips(search, word)
        synonyms = tuple(
            other
            for other in related.by_word.get(word, ())
            if other in known and other not in in_number and plain.kind_of(other) is None
        )
        fresh_slips = tuple(other for other in slips if plain.kind_of(other) is None)
        found.append(Expansion(word, in_number, synonyms, fresh_slips))
    return found


def _slips(search: WordSearch, word: str) -> tuple[str, ...]:
    """The owner's words that this one is likely to be a slip of, nearest first. A word that is spelled as one
    of the owner's is meant as it is: nobody who looks for a horse wants to see houses."""
    most = most_slips(word)
    if not most:
        return ()
    near = {other: slips_between(word, other, at_most=most) for other in search.spelled_like(word)}
    found = sorted((slips, other) for other, slips in near.items() if slips)
    return tuple(other for _, other in found[:_MOST_SLIPS])


def _named(search: WordSearch, expansion: Expansion) -> dict[str, Any]:
    longer = search.beginning(expansion.word, limit=_MOST_COMPLETIONS_NAMED) if expansion.may_go_on else []
    return {
        "word": expansion.word,
        "number": list(expansion.numbers),
        "prefix": [word for word in longer if word not in expansion.kinds],
        "synonym": list(expansion.synonyms),
        "typo": list(expansion.slips),
    }


def _matches(expansion: Expansion, found: Sequence[FoundTerm]) -> list[dict[str, Any]]:
    """By which of an image's words this one was found, the best first."""
    sources: Mapping[str, list[str]] = defaultdict(list)
    for one in found:
        sources[one.term].append(one.source)
    kinds = {term: kind for term in sources if (kind := expansion.kind_of(term))}
    best = sorted(kinds, key=lambda term: (-KIND_WEIGHTS[kinds[term]], term))[:_MOST_MATCHES_NAMED]
    return [
        {"word": expansion.word, "found": term, "kind": kinds[term], "sources": sorted(sources[term])}
        for term in best
    ]


def _rank_in(cursor: str | None, *, of: str) -> Rank | None:
    if cursor is None:
        return None
    match place_in(cursor, of=of):
        case [int() as met, int() as total, str() as image_id] if (
            0 < met <= MOST_WORDS and 0 < total < _LARGEST_SUM and is_id(image_id)
        ):
            return Rank(met, total, image_id)
    raise InvalidCursor
