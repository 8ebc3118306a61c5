"""Similar images: as many as are asked for of those that may be shown, page by page, whatever the index
says."""

from dataclasses import replace

import pytest

from tests.integration.persistence.databases import OWNER
from tests.integration.similar.conftest import Album, ids_of
from veilgate.domain.errors import ImageNotFound, IndexNotReady, NotIndexed, SearchUnavailable
from veilgate.domain.ids import new_id
from veilgate.domain.rejections import InvalidCursor
from veilgate.domain.search import Exactness, ImageFilters
from veilgate.services.finding import similarity
from veilgate.services.finding.similarity import SimilarWanted

TAGGED = ImageFilters(tags=("sky",))


def test_the_likest_that_are_there_and_ones_own(any_album: Album) -> None:
    album = any_album
    gone = [album.add(0.99) for _ in range(20)]
    own = [album.add(score) for score in (0.9, 0.8, 0.7)]
    album.add(1.0, owner="somebody-else")
    album.erase(*gone)
    page = album.page(SimilarWanted(k=2))
    assert ids_of(page.hits) == own[:2]
    assert [round(hit.score, 3) for hit in page.hits] == [0.9, 0.8]
    assert (page.model_id, page.exactness) == ("little", Exactness.APPROXIMATE)
    assert page.next
    assert ids_of(album.page(SimilarWanted(k=2, cursor=page.next)).hits) == own[2:]


def test_an_index_that_names_foreign_images_shows_none(album: Album) -> None:
    foreign = album.add(0.9, owner="somebody-else")
    own = album.add(0.5)
    album.index.know(foreign, OWNER, album.index.sees)
    assert ids_of(album.page().hits) == [own]


def test_few_that_pass_the_filters_are_named_to_the_index(album: Album) -> None:
    tagged = [album.add(score, tag="sky") for score in (0.2, 0.6)]
    album.add(0.9)
    page = album.page(SimilarWanted(filters=TAGGED))
    assert ids_of(page.hits) == tagged[::-1]
    assert (page.exactness, page.candidates, page.next) == (Exactness.EXACT, 2, None)
    assert [sorted(asked.among or ()) for asked in album.index.asked] == [sorted(tagged)]


def test_when_nothing_passes_the_index_is_not_asked(album: Album) -> None:
    page = album.page(SimilarWanted(filters=TAGGED))
    assert (page.hits, page.candidates, page.next) == ((), 0, None)
    assert album.index.asked == []


def test_many_that_pass_are_found_among_the_likest(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "MOST_NAMED", 3)
    for number in range(20):
        album.add(0.95 - number / 1000)
    tagged = [album.add(0.9 - number / 1000, tag="sky") for number in range(5)]
    page = album.page(SimilarWanted(k=4, filters=TAGGED))
    assert ids_of(page.hits) == tagged[:4]
    assert [asked.among for asked in album.index.asked] == [None, None, None]
    assert page.exactness is Exactness.APPROXIMATE


def test_many_that_pass_but_are_all_unlike_are_compared_in_portions(
    album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similarity, "MOST_NAMED", 3)
    monkeypatch.setattr(similarity, "DEEPEST", 8)
    for number in range(40):
        album.add(0.95 - number / 1000)
    scores = [0.1, 0.4, 0.3, 0.5, 0.2, 0.6, 0.7]
    by_score = {score: album.add(score, tag="sky") for score in scores}
    expected = [by_score[score] for score in sorted(scores, reverse=True)]
    first = album.page(SimilarWanted(k=3, filters=TAGGED))
    second = album.page(SimilarWanted(k=3, filters=TAGGED, cursor=first.next))
    third = album.page(SimilarWanted(k=3, filters=TAGGED, cursor=second.next))
    assert [*ids_of(first.hits), *ids_of(second.hits), *ids_of(third.hits)] == expected
    assert (first.exactness, first.candidates, third.next) == (Exactness.EXACT, 7, None)
    assert max(len(asked.among or ()) for asked in album.index.asked) == 3


def test_liker_ones_that_come_between_pages_hide_nothing_in_a_portion(
    album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than a page has, all in the same portion as what is behind the place."""
    monkeypatch.setattr(similarity, "MOST_NAMED", 20)
    monkeypatch.setattr(similarity, "DEEPEST", 8)
    for number in range(20):
        album.add(0.95 - number / 1000)
    for number in range(15):
        album.add(0.1, tag="sky", filename=f"{number}.jpg")
    tagged = [album.add(0.6 - number / 100, tag="sky") for number in range(9)]
    wanted = SimilarWanted(k=3, filters=TAGGED, min_score=0.2)
    first = album.page(wanted)
    for _ in range(8):
        album.add(0.9, tag="sky")
    second = album.page(replace(wanted, cursor=first.next))
    assert [*ids_of(first.hits), *ids_of(second.hits)] == tagged[:6]
    third = album.page(replace(wanted, cursor=second.next))
    assert (ids_of(third.hits), third.next) == (tagged[6:], None)


def test_pages_repeat_and_miss_nothing_while_pictures_come_and_go(album: Album) -> None:
    tied = [album.add(0.8) for _ in range(7)]
    rest = [album.add(0.7 - number / 100) for number in range(8)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = album.page(SimilarWanted(k=4, cursor=cursor))
        seen += ids_of(page.hits)
        cursor = page.next
        if cursor is None:
            break
        album.add(0.99)  # before what was shown
        album.erase(seen[0]) if len(seen) == 4 else None
    assert seen == [*tied, *rest]


def test_pages_end_at_the_thousandth(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "MOST_PAGED", 5)
    for number in range(9):
        album.add(0.9 - number / 100)
    first = album.page(SimilarWanted(k=3))
    second = album.page(SimilarWanted(k=3, cursor=first.next))
    assert (len(first.hits), len(second.hits), second.next) == (3, 2, None)


def test_nothing_below_the_lowest_score(album: Album) -> None:
    like = album.add(0.9)
    album.add(0.4)
    page = album.page(SimilarWanted(k=1, min_score=0.5))
    assert (ids_of(page.hits), page.next) == ([like], None)


@pytest.mark.parametrize("owner", [OWNER, "somebody-else"])
def test_what_is_not_ones_own_is_not_there(album: Album, owner: str) -> None:
    image_id = album.sought if owner != OWNER else new_id()
    for missing in (image_id, "x", ""):
        with pytest.raises(ImageNotFound):
            album.similarity.like_image(missing, owner, SimilarWanted())


def test_an_image_that_the_model_has_not_seen(album: Album) -> None:
    unseen = new_id()
    album.shelf.add(unseen)
    with pytest.raises(NotIndexed):
        album.similarity.like_image(unseen, OWNER, SimilarWanted())
    with album.shelf.database.write() as transaction:
        transaction.index_models.forget("little")
    with pytest.raises(IndexNotReady):
        album.page()


def test_what_the_search_server_says_is_passed_on(album: Album) -> None:
    album.index.refuses = (503, "index_not_ready")
    with pytest.raises(IndexNotReady):
        album.page()
    album.index.refuses = (409, "model_mismatch")
    with pytest.raises(IndexNotReady):
        album.page()
    album.index.refuses = (500, "internal")
    with pytest.raises(SearchUnavailable):
        album.page()


def test_a_cursor_leads_on_in_its_own_list_alone(album: Album) -> None:
    others = [album.add(0.9 - number / 100) for number in range(3)]
    cursor = album.page(SimilarWanted(k=1)).next
    for image_id, wanted in (
        (others[0], SimilarWanted(k=1, cursor=cursor)),
        (album.sought, SimilarWanted(k=1, cursor=cursor, min_score=0.1)),
        (album.sought, SimilarWanted(k=1, cursor=cursor, filters=TAGGED)),
        (album.sought, SimilarWanted(k=1, cursor="x")),
    ):
        with pytest.raises(InvalidCursor):
            album.similarity.like_image(image_id, OWNER, wanted)
    assert ids_of(album.page(SimilarWanted(k=5, cursor=cursor)).hits) == others[1:]
