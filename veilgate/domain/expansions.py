"""What a word that is looked for may be found as, and what each way of finding it is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from veilgate.domain.search import TermSource


class MatchKind(StrEnum):
    """How a word was found: as it is, as one or many of it, as a beginning, by meaning, by spelling."""

    EXACT = "exact"
    NUMBER = "number"
    PREFIX = "prefix"
    SYNONYM = "synonym"
    TYPO = "typo"


# In hundredths. So far apart that no source makes a weaker kind the better find.
KIND_WEIGHTS = MappingProxyType(
    {
        MatchKind.EXACT: 100,
        MatchKind.NUMBER: 88,
        MatchKind.PREFIX: 76,
        MatchKind.SYNONYM: 60,
        MatchKind.TYPO: 40,
    }
)
# What is not named counts in full: what the owner, a detector or a provider says is on the picture.
SOURCE_WEIGHTS = MappingProxyType({str(TermSource.DESCRIBED): 95, str(TermSource.FILENAME): 90})
WHOLE = 10_000
# Too much begins with one letter.
_SHORTEST_START = 2


@dataclass(frozen=True, slots=True)
class Expansion:
    """A word, and the others that are looked for in its place."""

    word: str
    numbers: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    slips: tuple[str, ...] = ()

    @property
    def may_go_on(self) -> bool:
        """Whether longer words that begin so are looked for too."""
        return len(self.word) >= _SHORTEST_START

    @property
    def kinds(self) -> Mapping[str, MatchKind]:
        """The others, each by the best way that leads to it."""
        return {
            **dict.fromkeys(self.slips, MatchKind.TYPO),
            **dict.fromkeys(self.synonyms, MatchKind.SYNONYM),
            **dict.fromkeys(self.numbers, MatchKind.NUMBER),
        }

    def kind_of(self, term: str) -> MatchKind | None:
        """How this word finds a term; None if it does not."""
        if term == self.word:
            return MatchKind.EXACT
        if kind := self.kinds.get(term):
            return kind
        return MatchKind.PREFIX if self.may_go_on and term.startswith(self.word) else None


@dataclass(frozen=True, slots=True)
class Rank:
    """Where an image stands: how many of the words it has, then the sum of what the finds are worth, in
    hundredths of hundredths, then the newest first."""

    met: int
    total: int
    image_id: str

    def score_of(self, words: int) -> float:
        """Between 0 and 1, in the order of the ranks but for the time."""
        return (self.met - 1 + self.total / (self.met * WHOLE)) / words
