"""Ranking by words, against what the definition says of the same images."""

from collections import Counter
from itertools import product
from typing import Any

import pytest

from tests.integration.persistence.databases import OWNER
from tests.integration.persistence.shelved_images import WORDS, Library
from veilgate.domain.expansions import KIND_WEIGHTS, SOURCE_WEIGHTS, Expansion, MatchKind, Rank
from veilgate.domain.search import ImageFilters
from veilgate.persistence import word_search
from veilgate.persistence.word_search import WordSearch

EVERYTHING = ImageFilters()
QUERIES = [
    [Expansion("car")],
    [Expansion("red"), Expansion("van")],
    [Expansion("meadow", synonyms=("grass", "field")), Expansion("car", numbers=("cars",))],
    [Expansion("hous", slips=("horse",)), Expansion("r"), Expansion("nothing")],
]


Said = dict[str, set[tuple[str, str]]]


@pytest.fixture
def said(library: Library) -> Said:
    """By image, which source says which words of it."""
    return {image.id: image.words for image in library.images}


def rank(image_id: str, said: set[tuple[str, str]], query: list[Expansion]) -> Rank | None:
    """As docs/text-search.md has it."""
    weights = [
        max(
            (
                KIND_WEIGHTS[kind] * SOURCE_WEIGHTS.get(source, 100)
                for source, word in said
                if (kind := one.kind_of(word))
            ),
            default=0,
        )
        for one in query
    ]
    met = sum(weight > 0 for weight in weights)
    return Rank(met, sum(weights), image_id) if met else None


def ranking(said: Said, query: list[Expansion]) -> list[Rank]:
    ranks = [found for image_id, words in said.items() if (found := rank(image_id, words, query))]
    return sorted(ranks, key=lambda one: (one.met, one.total, one.image_id), reverse=True)


def ask(
    library: Library, query: list[Expansion], filters: ImageFilters = EVERYTHING, **more: Any
) -> list[Rank]:
    with library.shelf.database.read() as transaction:
        found = WordSearch(transaction.connection, OWNER).ranked(query, filters, **{"limit": 100, **more})
    assert found.is_exact
    return found.ranks


def test_images_rank_as_defined(library: Library, said: Said) -> None:
    for query in QUERIES:
        expected = ranking(said, query)
        assert ask(library, query) == expected
        scores = [one.score_of(len(query)) for one in expected]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 1 for score in scores)


def test_pages_hold_each_image_once(library: Library, said: Said) -> None:
    query, found = QUERIES[2], list[Rank]()
    while page := ask(library, query, limit=7, after=found[-1] if found else None):
        found += page
    assert found == ranking(said, query)


def test_a_score_and_filters_leave_the_others_out(library: Library, said: Said) -> None:
    query = QUERIES[1]
    expected = ranking(said, query)
    assert ask(library, query, min_score=0.5) == [one for one in expected if one.score_of(2) >= 0.5]
    tagged = {image.id for image in library.images if "car" in {tag for _, tag in image.tags}}
    assert ask(library, query, ImageFilters(tags=("car",))) == [
        one for one in expected if one.image_id in tagged
    ]
    assert ask(library, query, ImageFilters(filename="none*")) == []


def test_what_others_own_is_not_found(library: Library, said: Said) -> None:
    with library.shelf.database.read() as transaction:
        search = WordSearch(transaction.connection, "nobody")
        assert search.ranked(QUERIES[0], ImageFilters(), limit=9).ranks == []
        assert (
            search.known(WORDS)
            == set(search.beginning("car", limit=9))
            == search.spelled_like("hors")
            == set()
        )


def test_words_of_like_spelling_are_found(library: Library, said: Said) -> None:
    with library.shelf.database.read() as transaction:
        search = WordSearch(transaction.connection, OWNER)
        for slip in ("hose", "hourse", "huose", "houze", "ohuse"):
            assert "house" in search.spelled_like(slip), slip
        assert search.beginning("car", limit=9) == ["carpet", "cars"]
        assert search.beginning("car", limit=1) == ["carpet"]


@pytest.mark.parametrize("many", [5, 12, 20])
def test_a_word_that_very_many_have_is_looked_for_in_the_newest(
    library: Library, said: Said, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that pass, and in all that have a rarer word."""
    monkeypatch.setattr(word_search, "MANY", many)
    tagged = {image.id for image in library.images if "car" in {tag for _, tag in image.tags}}
    passing = {EVERYTHING: set(said), ImageFilters(tags=("car",)): tagged, ImageFilters(filename="no"): set()}
    exact = []
    for query, (filters, allowed) in product(QUERIES, passing.items()):
        newest = sorted(allowed, reverse=True)
        common = [one for one in query if sum(len(kinds_of(one, words)) for words in said.values()) > many]
        rarer = {rank.image_id for rank in ranking(said, [one for one in query if one not in common])}
        shown = allowed if len(newest) <= many else {each for each in allowed if each >= newest[many]} | rarer
        with library.shelf.database.read() as transaction:
            found = WordSearch(transaction.connection, OWNER).ranked(query, filters, limit=100)
        assert found.ranks == [one for one in ranking(said, query) if one.image_id in allowed & shown]
        exact.append(found.is_exact)
        assert found.is_exact == (len(newest) <= many or not common)
    assert len(set(exact)) == 2


def test_of_many_longer_words_those_that_most_images_have(
    library: Library, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_search, "MANY", 12)
    monkeypatch.setattr(word_search, "MOST_LONGER", 1)
    newest = sorted(said, reverse=True)[:13]
    counts = Counter(word for words in said.values() for _, word in words)
    for start, longer in (("ho", ["house", "horse"]), ("re", ["reddish", "red"])):
        with library.shelf.database.read() as transaction:
            found = WordSearch(transaction.connection, OWNER).ranked(
                [Expansion(start)], EVERYTHING, limit=100
            )
        often = max(sorted(longer), key=lambda word: counts[word])
        having = [image_id for image_id in newest if often in {word for _, word in said[image_id]}]
        assert not found.is_exact
        assert sorted((one.image_id for one in found.ranks), reverse=True) == having


def kinds_of(one: Expansion, words: set[tuple[str, str]]) -> list[MatchKind]:
    return [kind for _, word in words if (kind := one.kind_of(word))]
