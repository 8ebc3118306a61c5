"""Images of an owner that look like a given one: the index says which, the database what they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from veilgate.domain.cursors import cursor_to, place_in
from veilgate.domain.errors import ImageNotFound, IndexNotReady, NotIndexed
from veilgate.domain.ids import is_id
from veilgate.domain.rejections import InvalidCursor
from veilgate.domain.search import Exactness, Hit, ImageFilters
from veilgate.persistence.similar_repository import FoundImage, SimilarRepository
from veilgate.persistence.unit_of_work import Database
from veilgate.search.client import SearchClient
from veilgate.search.wire import SearchAnswer

# How many images filters may leave for all of them to be named to the index.
MOST_NAMED = 15_000
# How far pages lead: who has seen so many of the likest needs a filter, not another page.
MOST_PAGED = 1_000
# How many of the likest are looked at for those that pass the filters, before it is asked the other way
# round: all that pass, in portions.
DEEPEST = 4_096
_DEEPER = 4


@dataclass(frozen=True, slots=True)
class Likeness:
    """What hits are to be like, in the eyes of a model. `about` tells it from others in cursors; the image
    `itself` is no hit."""

    owner_id: str
    model_id: str
    vector: bytes
    about: str
    itself: str | None = None


@dataclass(frozen=True, slots=True)
class SimilarWanted:
    """Which of the likest are asked for: `k` of those that pass the filters, from where a `cursor` leads."""

    k: int = 10
    filters: ImageFilters = field(default_factory=ImageFilters)
    min_score: float = -1.0
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class SimilarImage:
    image: FoundImage
    score: float


@dataclass(frozen=True, slots=True)
class SimilarPage:
    """Likest first; of what is equally like, what was indexed first. `candidates`: how many images were in
    question. `next` is the cursor of the following page."""

    hits: tuple[SimilarImage, ...]
    model_id: str
    exactness: Exactness
    candidates: int
    next: str | None


class Similarity:
    """Asks the index without holding a connection to the database meanwhile. Whatever the index says, an
    answer has only images that are the owner's, are still there and pass the filters."""

    def __init__(self, database: Database, search: SearchClient) -> None:
        self._database = database
        self._search = search

    def like_image(self, image_id: str, owner_id: str, wanted: SimilarWanted) -> SimilarPage:
        """Raises `ImageNotFound`, `NotIndexed`, `IndexNotReady`, `SearchUnavailable` or `InvalidCursor`."""
        with self._database.read() as transaction:
            images = SimilarRepository(transaction.connection)
            sought = images.sought(image_id, owner_id=owner_id) if is_id(image_id) else None
        if sought is None:
            raise ImageNotFound
        if sought.model_id is None:
            raise IndexNotReady
        if sought.vector is None:
            raise NotIndexed
        about = f"image {image_id}"
        return self.like(Likeness(owner_id, sought.model_id, sought.vector, about, image_id), wanted)

    def like(self, likeness: Likeness, wanted: SimilarWanted) -> SimilarPage:
        """Raises as `like_image`."""
        ends = f"{likeness.about}\n{likeness.model_id}\n{wanted.filters}\n{wanted.min_score}"
        place = _place_in(wanted.cursor, of=ends)
        look = _Look(self._database, self._search, likeness, wanted, place)
        found = look.among_those_that_fit() or look.among_the_likest() or look.among_all_that_fit()
        shown = found.living[: min(wanted.k, MOST_PAGED - place.shown)]
        is_last = len(found.living) == len(shown) or place.shown + len(shown) >= MOST_PAGED
        return SimilarPage(
            tuple(SimilarImage(image, hit.score) for hit, image in shown),
            likeness.model_id,
            found.exactness,
            found.candidates,
            None if is_last else cursor_to(_place_after(found, len(shown), place), of=ends),
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Behind a hit, which was number `rank` of those the index named, and the last of `shown`."""

    score: float = float("inf")
    seq: int = 0
    rank: int = 0
    shown: int = 0

    def is_before(self, hit: Hit) -> bool:
        return hit.score < self.score or (hit.score == self.score and hit.seq > self.seq)


@dataclass(frozen=True, slots=True)
class _Found:
    """Hits that may be shown, best first, one more than are wanted if there are so many."""

    living: list[tuple[Hit, FoundImage]]
    ranks: dict[str, int]
    exactness: Exactness
    candidates: int


@dataclass(frozen=True, slots=True)
class _Look:
    """The three ways to an answer; each is None where it does not lead to one."""

    database: Database
    search: SearchClient
    likeness: Likeness
    wanted: SimilarWanted
    place: _Place

    def among_those_that_fit(self) -> _Found | None:
        """For filters that few images pass: the index compares just those."""
        if self.wanted.filters.is_empty:
            return None
        image_ids = self._ids_that_fit(limit=MOST_NAMED + 1)
        if len(image_ids) > MOST_NAMED:
            return None
        if not image_ids:
            return _Found([], {}, Exactness.EXACT, 0)
        return self._likest(image_ids, deepest=len(image_ids))

    def among_the_likest(self) -> _Found | None:
        """As many as it takes until enough of them pass."""
        return None if self.place.rank >= DEEPEST else self._likest(None, deepest=DEEPEST)

    def among_all_that_fit(self) -> _Found:
        """In portions that are compared one by one, the best of all kept."""
        best: list[Hit] = []
        after, candidates = "", 0
        while image_ids := self._ids_that_fit(after=after, limit=MOST_NAMED):
            answer = self._behind_the_place(image_ids)
            best = sorted([*best, *self._wanted(answer.hits)], key=lambda hit: (-hit.score, hit.seq))
            del best[self.wanted.k + 1 :]
            after, candidates = image_ids[-1], candidates + answer.candidates
        # Pages that follow this one are looked for here at once.
        ranks = dict.fromkeys((hit.image_id for hit in best), DEEPEST)
        return _Found(self._living(best), ranks, Exactness.EXACT, candidates)

    def _behind_the_place(self, portion: Sequence[str]) -> SearchAnswer:
        """So many of a portion that enough of them are behind the place, if it has so many: those before it
        may be more than were shown, as liker ones have come since."""
        for depth in _depths(self.place.shown + self.wanted.k + 2, len(portion)):
            answer = self._ask(depth, portion)
            if len(self._wanted(answer.hits)) > self.wanted.k or self._is_all(answer, depth):
                break
        return answer

    def _likest(self, among: Sequence[str] | None, *, deepest: int) -> _Found | None:
        first = self.place.rank + self.wanted.k + 2  # itself, and one more than is shown
        for depth in _depths(first, deepest):
            answer = self._ask(depth, among)
            living = self._living(self._wanted(answer.hits))
            if len(living) > self.wanted.k or self._is_all(answer, depth):
                ranks = {hit.image_id: rank for rank, hit in enumerate(answer.hits, start=1)}
                return _Found(living, ranks, answer.exactness, answer.candidates)
        return None

    def _is_all(self, answer: SearchAnswer, depth: int) -> bool:
        """Whether nothing that the index did not name could be wanted."""
        named = len(answer.hits)
        if named < depth or named >= answer.candidates:
            return True
        return answer.hits[-1].score < self.wanted.min_score

    def _ask(self, depth: int, among: Sequence[str] | None) -> SearchAnswer:
        sought = self.likeness
        return self.search.search(
            sought.model_id, sought.owner_id, vector=sought.vector, k=depth, among=among
        )

    def _wanted(self, hits: Sequence[Hit]) -> list[Hit]:
        return [
            hit
            for hit in hits
            if self.place.is_before(hit)
            and hit.score >= self.wanted.min_score
            and hit.image_id != self.likeness.itself
        ]

    def _living(self, hits: Sequence[Hit]) -> list[tuple[Hit, FoundImage]]:
        """Those that may be shown, with what the database says of them, as far as they are needed."""
        if not hits:
            return []
        image_ids = [hit.image_id for hit in hits]
        with self.database.read() as transaction:
            found = SimilarRepository(transaction.connection).found(
                image_ids, self.wanted.filters, owner_id=self.likeness.owner_id
            )
        living = [(hit, found[hit.image_id]) for hit in hits if hit.image_id in found]
        return living[: self.wanted.k + 1]

    def _ids_that_fit(self, *, limit: int, after: str | None = None) -> list[str]:
        with self.database.read() as transaction:
            return SimilarRepository(transaction.connection).ids_that_fit(
                self.wanted.filters, owner_id=self.likeness.owner_id, limit=limit, after=after
            )


def _depths(first: int, deepest: int) -> Iterator[int]:
    """How many hits to ask for, time after time."""
    depth = first
    while depth < deepest:
        yield depth
        depth *= _DEEPER
    yield deepest


def _place_in(cursor: str | None, *, of: str) -> _Place:
    if cursor is None:
        return _Place()
    match place_in(cursor, of=of):
        case [float() | int() as score, int() as seq, int() as rank, int() as shown] if (
            rank >= 0 and 0 <= shown < MOST_PAGED
        ):
            return _Place(score, seq, rank, shown)
    raise InvalidCursor


def _place_after(found: _Found, shown: int, place: _Place) -> tuple[float, int, int, int]:
    hit, _ = found.living[shown - 1]
    return hit.score, hit.seq, found.ranks[hit.image_id], place.shown + shown
