"""Finding an owner's images by words, ranked by how many of them an image has, and how well."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)

from database_models import processed_images
from veilgate.domain.expansions import KIND_WEIGHTS, SOURCE_WEIGHTS, Expansion, MatchKind, Rank
from veilgate.domain.search import ImageFilters
from veilgate.domain.spelling import one_left_out
from veilgate.persistence.filtered_ids import nth_newest, passing
from veilgate.persistence.image_filters import conditions
from veilgate.persistence.tables.search import image_terms, term_spellings, terms

_I, _T, _S, _P = image_terms.c, terms.c, term_spellings.c, processed_images.c
_HIGHEST = chr(0x10FFFF)
# So many images are ranked in about 50 ms.
MANY = 20_000
# Where so many images begin a word, so many longer words are looked for, and if there are more those that
# most of so many of the newest images have.
MOST_LONGER = 200
_RECENT = 1_000


@dataclass(frozen=True, slots=True)
class Ranking:
    """`is_exact`: every image that has one of the words was ranked; else of those that have only words which
    very many have, the newest."""

    ranks: list[Rank]
    is_exact: bool


@dataclass(frozen=True, slots=True)
class FoundTerm:
    image_id: str
    term: str
    source: str


class WordSearch:
    def __init__(self, connection: Connection, owner_id: str) -> None:
        self._connection = connection
        self._owner_id = owner_id

    def known(self, words: Collection[str]) -> set[str]:
        """Those that an image of the owner has."""
        query = select(_T.term).where(_T.owner_id == self._owner_id, _T.term.in_(sorted(words)))
        return set(self._connection.execute(query).scalars())

    def beginning(self, start: str, *, limit: int) -> list[str]:
        """Words of the owner that begin so, and go on."""
        query = select(_T.term).where(_T.owner_id == self._owner_id, *_begins(_T.term, start))
        found = self._connection.execute(query.where(_T.term != start).order_by(_T.term).limit(limit))
        return list(found.scalars())

    def spelled_like(self, word: str) -> set[str]:
        """Words of the owner that share a spelling with this one when a letter is left out here or there:
        all that are one slip away, and others."""
        left_out = one_left_out(word)
        same = select(_S.term).where(_S.owner_id == self._owner_id, _S.spelling.in_([word, *left_out]))
        shorter = select(_T.term).where(_T.owner_id == self._owner_id, _T.term.in_(left_out))
        return {*self._connection.execute(same).scalars(), *self._connection.execute(shorter).scalars()}

    def ranked(
        self,
        expansions: Sequence[Expansion],
        filters: ImageFilters,
        *,
        limit: int,
        min_score: float = 0,
        after: Rank | None = None,
    ) -> Ranking:
        """The best images that pass the filters and come behind a place."""
        found, is_exact = self._found(expansions, filters)
        ranks = _ranks(found)
        query = select(ranks.c.met, ranks.c.total, ranks.c.image_id)
        if not filters.is_empty:
            query = query.join(processed_images, _P.id == ranks.c.image_id)
            query = query.where(*conditions(filters, owner_id=self._owner_id))
        if after is not None:
            query = query.where(_is_behind(after, ranks.c.met, ranks.c.total, ranks.c.image_id))
        if min_score > 0:
            query = query.where(_score(ranks.c.met, ranks.c.total, len(expansions)) >= min_score)
        query = query.order_by(ranks.c.met.desc(), ranks.c.total.desc(), ranks.c.image_id.desc()).limit(limit)
        rows = self._connection.execute(query)
        return Ranking([Rank(int(row.met), int(row.total), row.image_id) for row in rows], is_exact)

    def found_in(self, image_ids: Sequence[str], expansions: Sequence[Expansion]) -> list[FoundTerm]:
        """The words that these images were found by."""
        alike = or_(*(condition for one in expansions for condition in _alike(one)))
        query = select(_I.image_id, _I.term, _I.source).where(_I.image_id.in_(image_ids), alike)
        return [FoundTerm(*row) for row in self._connection.execute(query)]

    def _found(self, expansions: Sequence[Expansion], filters: ImageFilters) -> tuple[Subquery, bool]:
        """Images with the number of a word that they have and what the find is worth; and whether these are
        all.

        Where many images pass, a word that many have is looked for in the newest of them, and in those that
        have one of the rarer words: else a million images with `car` would be ranked for each page. What
        such a word begins is then looked for term by term: within a range of terms images are in no order,
        and all million places of `im…` would be read to find those of the newest images.
        """
        owner_id = self._owner_id
        horizon = nth_newest(self._connection, filters, owner_id=owner_id, number=MANY)
        numbered = list(enumerate(expansions))
        if horizon is None:
            few, _ = passing(self._connection, filters, owner_id=owner_id)
            within = [] if filters.is_empty else [_I.image_id.in_(few)]
            return _union([arm for each in numbered for arm in self._arms(*each, *within)]), True
        common = [each for each in numbered if self._is_common(each[1])]
        arms = [arm for each in numbered if each not in common for arm in self._arms(*each)]
        if arms and common:
            rarer = select(_union(arms).c.image_id)
            # They are the owner's; said once more, SQLite would read all places of a common word for them.
            arms += [
                _arm(*each, alike, _I.image_id.in_(rarer)) for each in common for alike in _alike(each[1])
            ]
        for number, expansion in common:
            good = self._good_terms(expansion, filters)
            arms.append(_arm(number, expansion, self._is_own, _I.term.in_(good), _I.image_id >= horizon))
        return _union(arms), not common

    def _is_common(self, expansion: Expansion) -> bool:
        first = select(_union(self._arms(0, expansion)).c.image_id).offset(MANY).limit(1)
        return self._connection.execute(first).first() is not None

    def _arms(
        self, number: int, expansion: Expansion, *within: ColumnElement[bool]
    ) -> list[Select[tuple[str, int, int]]]:
        """The images that have a word or what it was expanded to: each by a range of the index of its own,
        which an `or` would not be."""
        return [_arm(number, expansion, self._is_own, alike, *within) for alike in _alike(expansion)]

    @property
    def _is_own(self) -> ColumnElement[bool]:
        return _I.owner_id == self._owner_id

    def _good_terms(self, expansion: Expansion, filters: ImageFilters) -> list[str]:
        """Terms that are good for this word: all of them, but for longer ones that few images have."""
        longer = self.beginning(expansion.word, limit=MOST_LONGER + 1) if expansion.may_go_on else []
        if len(longer) > MOST_LONGER:
            longer = self._often_begun(expansion.word, filters)
        return sorted({expansion.word, *expansion.kinds, *longer})

    def _often_begun(self, start: str, filters: ImageFilters) -> list[str]:
        query, order = passing(self._connection, filters, owner_id=self._owner_id)
        recent = query.order_by(order.desc()).limit(_RECENT).subquery("recent")
        [recent_id] = recent.c
        often = (
            select(_I.term)
            .join(recent, recent_id == _I.image_id)
            .where(*_begins(_I.term, start))
            .group_by(_I.term)
            .order_by(func.count().desc(), _I.term)
            .limit(MOST_LONGER)
        )
        return list(self._connection.execute(often).scalars())


def _arm(number: int, expansion: Expansion, *conditions: ColumnElement[bool]) -> Select[tuple[str, int, int]]:
    weight = _kind_weight(expansion) * _source_weight()
    columns = (_I.image_id, literal(number, Integer).label("word"), weight.label("weight"))
    return select(*columns).where(*conditions)


def _union(arms: Sequence[Select[tuple[str, int, int]]]) -> Subquery:
    return union_all(*arms).subquery()


def _ranks(found: Subquery) -> Subquery:
    """How many words an image has, and what the best find of each is worth in all."""
    best = (
        select(found.c.image_id, func.max(found.c.weight).label("weight"))
        .group_by(found.c.image_id, found.c.word)
        .subquery("best")
    )
    # Whole numbers, as MySQL makes decimals of sums.
    total = type_coerce(func.sum(best.c.weight), Integer)
    return (
        select(best.c.image_id, func.count().label("met"), total.label("total"))
        .group_by(best.c.image_id)
        .subquery("ranks")
    )


def _alike(expansion: Expansion) -> list[ColumnElement[bool]]:
    """The conditions, of which one holds for a term that is good for this word."""
    found: list[ColumnElement[bool]] = [_I.term == expansion.word]
    if expansion.may_go_on:
        found = [and_(*_begins(_I.term, expansion.word))]
    if others := [*expansion.numbers, *expansion.synonyms, *expansion.slips]:
        found.append(_I.term.in_(others))
    return found


def _begins(column: ColumnElement[str], start: str) -> list[ColumnElement[bool]]:
    return [column >= start, column < start + _HIGHEST]


def _kind_weight(expansion: Expansion) -> ColumnElement[int]:
    weights = {expansion.word: KIND_WEIGHTS[MatchKind.EXACT]}
    for term, kind in expansion.kinds.items():
        weights[term] = KIND_WEIGHTS[kind]
    return case(weights, value=_I.term, else_=KIND_WEIGHTS[MatchKind.PREFIX])


def _source_weight() -> ColumnElement[int]:
    return case(dict(SOURCE_WEIGHTS), value=_I.source, else_=100)


def _is_behind(
    place: Rank, met: ColumnElement[int], total: ColumnElement[int], image_id: ColumnElement[str]
) -> ColumnElement[bool]:
    return or_(
        met < place.met,
        and_(met == place.met, total < place.total),
        and_(met == place.met, total == place.total, image_id < place.image_id),
    )


def _score(met: ColumnElement[int], total: ColumnElement[int], words: int) -> ColumnElement[Any]:
    """As `Rank.score_of`."""
    return (met - 1 + total / (met * 10_000.0)) / float(words)
