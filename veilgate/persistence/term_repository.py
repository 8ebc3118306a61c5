"""The words that images are found by, and the list of those that an owner has."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, and_, exists, or_, select
from sqlalchemy.exc import IntegrityError

from search_models import image_terms, term_spellings, terms
from veilgate.domain.spelling import may_have_slips, one_left_out

_I, _T, _S = image_terms.c, terms.c, term_spellings.c


class TermRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, image_id: str, by_source: Mapping[str, Sequence[str]], *, owner_id: str) -> None:
        """From now on each of these sources says these words of an image, and no others."""
        found = self._connection.execute(
            select(_I.source, _I.term).where(_I.image_id == image_id, _I.source.in_(list(by_source)))
        )
        old = {(row.source, row.term) for row in found}
        new = {(str(source), word) for source, words in by_source.items() for word in words}
        if gone := old - new:
            self._delete(image_id, gone)
        if added := sorted(new - old):
            self._connection.execute(
                image_terms.insert().values(image_id=image_id, owner_id=owner_id),
                [{"source": source, "term": word} for source, word in added],
            )
            self._list({word for _, word in added}, owner_id)
        if gone:
            self._unlist({word for _, word in gone} - {word for _, word in new}, owner_id)

    def forget_image(self, image_id: str, owner_id: str) -> None:
        """Nothing finds this image by a word any more, and words that only it had are gone."""
        words = self._connection.execute(select(_I.term).where(_I.image_id == image_id)).scalars()
        known = set(words)
        self._connection.execute(image_terms.delete().where(_I.image_id == image_id))
        self._unlist(known, owner_id)

    def listed(self, owner_id: str, *, limit: int) -> list[str]:
        """Words that an owner's images can be found by."""
        rows = self._connection.execute(select(_T.term).where(_T.owner_id == owner_id).limit(limit))
        return list(rows.scalars())

    def _delete(self, image_id: str, gone: Collection[tuple[str, str]]) -> None:
        by_source: dict[str, list[str]] = {}
        for source, word in sorted(gone):
            by_source.setdefault(source, []).append(word)
        any_of_them = or_(
            *(and_(_I.source == source, _I.term.in_(words)) for source, words in by_source.items())
        )
        self._connection.execute(image_terms.delete().where(_I.image_id == image_id, any_of_them))

    def _list(self, words: Collection[str], owner_id: str) -> None:
        """Add those that are not listed. Sorted, so that two who add the same ones do not meet crosswise."""
        while missing := sorted(set(words) - self._locked(words, owner_id)):
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
