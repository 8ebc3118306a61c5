"""The words that images are found by, and the list of those that an owner has."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, and_, exists, or_, select
from sqlalchemy.exc import IntegrityError

from veilgate.domain.spelling import may_have_slips, one_left_out
from veilgate.persistence.tables.search import image_terms, term_spellings, terms

_I, _T, _S = image_terms.c, terms.c, term_spellings.c


class _Place(NamedTuple):
    """What a source says of an image; sorted by sources."""

    image_id: str
    source: str
    term: str


@dataclass(frozen=True, slots=True)
class ImageWords:
    """What sources say of an image."""

    image_id: str
    owner_id: str
    by_source: Mapping[str, Sequence[str]]

    @property
    def places(self) -> Iterator[_Place]:
        for source, words in self.by_source.items():
            for word in words:
                yield _Place(self.image_id, str(source), word)


class TermRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, image_id: str, by_source: Mapping[str, Sequence[str]], *, owner_id: str) -> None:
        """From now on each of these sources says these words of an image, and no others."""
        self.replace_all([ImageWords(image_id, owner_id, by_source)])

    def replace_all(self, images: Sequence[ImageWords]) -> None:
        """As `replace`, for many images in as few statements."""
        if not images:
            return
        old, new = self._said(images), {place for image in images for place in image.places}
        gone, added = old - new, sorted(new - old)
        for image_id, places in groupby(sorted(gone), key=lambda place: place.image_id):
            self._delete(image_id, [*places])
        owners = {image.image_id: image.owner_id for image in images}
        if added:
            rows = [{**place._asdict(), "owner_id": owners[place.image_id]} for place in added]
            self._connection.execute(image_terms.insert(), rows)
        for owner_id in sorted(set(owners.values())):
            self._list({place.term for place in added if owners[place.image_id] == owner_id}, owner_id)
            self._unlist({place.term for place in gone if owners[place.image_id] == owner_id}, owner_id)

    def forget_image(self, image_id: str, owner_id: str) -> None:
        """Nothing finds this image by a word any more, and words that only it had are gone."""
        words = set(self._connection.execute(select(_I.term).where(_I.image_id == image_id)).scalars())
        self._connection.execute(image_terms.delete().where(_I.image_id == image_id))
        self._unlist(words, owner_id)

    def listed(self, owner_id: str, *, limit: int) -> list[str]:
        """Words that an owner's images can be found by."""
        rows = self._connection.execute(select(_T.term).where(_T.owner_id == owner_id).limit(limit))
        return list(rows.scalars())

    def _said(self, images: Sequence[ImageWords]) -> set[_Place]:
        """What the sources that are in question said before."""
        sources = {image.image_id: image.by_source for image in images}
        rows = self._connection.execute(
            select(_I.image_id, _I.source, _I.term).where(_I.image_id.in_(sorted(sources)))
        )
        return {_Place(*row) for row in rows if row.source in sources[row.image_id]}

    def _delete(self, image_id: str, gone: Sequence[_Place]) -> None:
        by_source = groupby(gone, key=lambda place: place.source)
        any_of_them = or_(
            *(
                and_(_I.source == source, _I.term.in_([place.term for place in places]))
                for source, places in by_source
            )
        )
        self._connection.execute(image_terms.delete().where(_I.image_id == image_id, any_of_them))

    def _list(self, words: Collection[str], owner_id: str) -> None:
        """Add those that are not listed. Sorted, so that two who add the same ones do not meet crosswise."""
        while words and (missing := sorted(set(words) - self._locked(words, owner_id))):
            savepoint = self._connection.begin_nested()
            try:
                self._insert(missing, owner_id)
            except IntegrityError:
                savepoint.rollback()  # somebody else has listed one of them since we looked
            else:
                savepoint.commit()
                return

    def _insert(self, words: Sequence[str], owner_id: str) -> None:
        self._connection.execute(terms.insert().values(owner_id=owner_id), [{"term": word} for word in words])
        spellings = [
            {"spelling": spelling, "term": word}
            for word in words
            if may_have_slips(word)
            for spelling in one_left_out(word)
        ]
        if spellings:
            self._connection.execute(term_spellings.insert().values(owner_id=owner_id), spellings)

    def _locked(self, words: Collection[str], owner_id: str) -> set[str]:
        """Those that are listed, and stay so until we are done: whoever wants to unlist them waits."""
        return set(
            self._connection.execute(
                select(_T.term)
                .where(_T.owner_id == owner_id, _T.term.in_(sorted(words)))
                .with_for_update(read=True)
            ).scalars()
        )

    def _unlist(self, words: Collection[str], owner_id: str) -> None:
        """Drop those that no image has any more. Looked at only once they are locked, in a statement of its
        own: before that, somebody may be about to commit an image that has them."""
        if not words:
            return
        of_words = (_T.owner_id == owner_id, _T.term.in_(sorted(words)))
        self._connection.execute(select(_T.term).where(*of_words).with_for_update()).all()
        is_used = exists(select(1).where(_I.owner_id == owner_id, _I.term == _T.term).correlate(terms))
        unused = list(self._connection.execute(select(_T.term).where(*of_words, ~is_used)).scalars())
        if not unused:
            return
        spellings = sorted({spelling for word in unused for spelling in one_left_out(word)})
        self._connection.execute(terms.delete().where(_T.owner_id == owner_id, _T.term.in_(unused)))
        self._connection.execute(
            term_spellings.delete().where(
                _S.owner_id == owner_id, _S.spelling.in_(spellings), _S.term.in_(unused)
            )
        )
