"""Ranking by words, against what the definition says of the same images."""

from typing import Any

import pytest

from tests.integration.persistence.databases import OWNER
from tests.integration.persistence.library import WORDS, Library
from veilgate.domain.expansions import KIND_WEIGHTS, SOURCE_WEIGHTS, Expansion, Rank
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


def test_a_word_that_very_many_have_is_looked_for_in_the_newest(
    library: Library, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And in all that have a rarer word; the filters hold in any case."""
    common, rare = Expansion("car"), Expansion("van")
    having = {word.word: {one.image_id for one in ranking(said, [word])} for word in (common, rare)}
    monkeypatch.setattr(word_search, "MANY", len(having["car"]) - 1)
    ids = sorted(said, reverse=True)
    horizon = ids[len(having["car"]) - 1]
    assert len(having["van"]) < len(having["car"]) < len(ids)
    newest = {image_id for image_id in having["car"] if image_id >= horizon}
    with library.shelf.database.read() as transaction:
        search = WordSearch(transaction.connection, OWNER)
        for filters in (ImageFilters(), ImageFilters(since_ms=1)):
            alone = search.ranked([common], filters, limit=100)
            both = search.ranked([common, rare], filters, limit=100)
            assert not alone.is_exact
            assert alone.ranks == [one for one in ranking(said, [common]) if one.image_id in newest]
            assert both.ranks == [
                one for one in ranking(said, [common, rare]) if one.image_id in newest | having["van"]
            ]
        assert search.ranked([common], ImageFilters(filename="x"), limit=9).ranks == []
        assert search.ranked([rare], ImageFilters(), limit=100).is_exact
