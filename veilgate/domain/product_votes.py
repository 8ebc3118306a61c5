"""Which product the findings agree on: words are voted for by vendors, and names are made of such words."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum, prod

from veilgate.domain.lookups import Finding
from veilgate.domain.product_evidence import Evidence, evidence_in, kinds_of_things
from veilgate.domain.product_names import name_words
from veilgate.domain.sites import MARKETPLACES, NOT_SHOPS, SHOPS, site_of

# Of how much the best word of a name has, each of its words must have.
_ENOUGH_SUPPORT = 0.5
_MOST_WORDS = 8
_MOST_CANDIDATES = 8
# One vendor alone may be sure and wrong: its word is worth 0.6 of what it would be were all to agree.
_DOUBT_OF_ONE = 0.4
LEAST_CONFIDENCE = 0.15


@dataclass(frozen=True, slots=True)
class Candidate:
    """What it may be. `because` are the best witness of each provider, the weightiest first."""

    name: str
    make: str | None
    model: str | None
    confidence: float
    because: tuple[Evidence, ...]


def candidates_in(findings: Sequence[Finding]) -> tuple[Candidate, ...]:
    """The names that findings speak for, the likeliest first; none when nothing is known that tells one
    product from another."""
    evidence = evidence_in(findings)
    support = _support(evidence)
    sites = Counter(site_of(page.url) for finding in findings for page in finding.pages)
    named_as = {word for one in evidence for word in name_words(f"{one.make} {one.model}")}
    kinds = kinds_of_things(findings) - named_as
    named = _names(evidence, support, kinds)
    core = {word for words in named for word in words} - kinds
    most = max((support[word] for word in core), default=0.0)
    core = {word for word in core if support[word] >= _ENOUGH_SUPPORT * most}
    jury = _Jury(evidence, support, kinds, core, frozenset(sites))
    best = sorted(named, key=lambda words: (-round(jury.score(words), 9), named[words], sorted(words)))
    found = (jury.candidate(words, named[words]) for words in best[:_MOST_CANDIDATES])
    return tuple(one for one in found if one.confidence >= LEAST_CONFIDENCE)


def _support(evidence: Iterable[Evidence]) -> dict[str, float]:
    """For each word, 0..1: what its vendors say together, each being independent of the others."""
    by_vendor: dict[str, list[Evidence]] = defaultdict(list)
    for one in evidence:
        by_vendor[one.vendor].append(one)
    doubts: dict[str, list[float]] = defaultdict(list)
    for said in by_vendor.values():
        total = fsum(one.weight for one in said) or 1.0
        weights: dict[str, list[float]] = defaultdict(list)
        for one in said:
            for word in one.words:
                weights[word].append(one.weight)
        for word, of_word in weights.items():
            share = fsum(of_word) / total
            # Said once with weight, or lightly by most of its texts; a word that is in a few of very many of
            # them says no more than in one.
            once = max(of_word) * (0.5 + 0.5 * share)
            by_most = share * (1 - prod(1 - weight for weight in of_word))
            doubts[word].append(1 - max(once, by_most))
    return {word: 1 - prod(of_word) for word, of_word in doubts.items()}


def _names(
    evidence: Iterable[Evidence], support: dict[str, float], kinds: frozenset[str]
) -> dict[frozenset[str], str]:
    """Names by their words: each text that may be one, without the words that hardly anybody else says."""
    spellings: dict[frozenset[str], Counter[str]] = defaultdict(Counter)
    for one in evidence:
        if not one.names_it:
            continue
        most = max(support[word] for word in one.words)
        kept = [
            piece
            for piece in one.text.split()
            if any(support.get(word, 0.0) >= _ENOUGH_SUPPORT * most for word in name_words(piece))
        ]
        telling = [piece for piece in kept if not kinds.issuperset(name_words(piece))]
        # Of "Acme Walkman" too little is left when walkmans are a sort of thing.
        text = " ".join((telling if len(telling) > 1 else kept)[:_MOST_WORDS])
        words = frozenset(name_words(text))
        if words - kinds:
            spellings[words][text] += 1
    return {words: _best_spelling(texts) for words, texts in spellings.items()}


def _best_spelling(texts: Counter[str]) -> str:
    """Rather one with small letters and capitals, then the most frequent."""
    return min(texts, key=lambda text: (text.islower() or text.isupper(), -texts[text], text))


class _Jury:
    def __init__(
        self,
        evidence: tuple[Evidence, ...],
        support: dict[str, float],
        kinds: frozenset[str],
        core: set[str],
        sites: frozenset[str],
    ) -> None:
        self._evidence = evidence
        self._support = support
        self._kinds = kinds
        self._core = core
        self._core_support = fsum(support[word] for word in sorted(core)) or 1.0
        self._makers = sites - MARKETPLACES - SHOPS - NOT_SHOPS

    def score(self, words: frozenset[str]) -> float:
        """How well these words are those that are agreed on, all of them and no others."""
        precise = self._mean_support(words)
        whole = fsum(self._support[word] for word in sorted(words & self._core)) / self._core_support
        return 2 * precise * whole / (precise + whole) if precise + whole else 0.0

    def candidate(self, words: frozenset[str], text: str) -> Candidate:
        witnesses = [one for one in self._evidence if 2 * len(words.intersection(one.words)) >= len(words)]
        vendors = {one.vendor for one in witnesses}
        confidence = self._mean_support(words) * (1 - _DOUBT_OF_ONE / max(len(vendors), 1))
        make = self._make(words, text, witnesses)
        model = self._model(text, make, witnesses)
        if make and not set(name_words(make)) <= words:
            text = f"{make} {text}"
        best: dict[str, Evidence] = {}
        for one in sorted(witnesses, key=lambda one: (-one.weight, one)):
            best.setdefault(one.provider, one)
        return Candidate(text, make, model, round(confidence, 3), tuple(best.values()))

    def _mean_support(self, words: frozenset[str]) -> float:
        return fsum(self._support[word] for word in sorted(words)) / len(words)

    def _make(self, words: frozenset[str], text: str, witnesses: Sequence[Evidence]) -> str | None:
        if said := _most_said((one.make, one.weight) for one in witnesses):
            return said
        own_sites = words & self._makers
        return next((piece for piece in text.split() if own_sites.intersection(name_words(piece))), None)

    def _model(self, text: str, make: str | None, witnesses: Sequence[Evidence]) -> str | None:
        if said := _most_said((one.model, one.weight) for one in witnesses):
            return said
        if make is None:
            return None
        besides = self._kinds.union(name_words(make))
        return " ".join(piece for piece in text.split() if not besides.issuperset(name_words(piece))) or None


def _most_said(said: Iterable[tuple[str, float]]) -> str | None:
    """The spelling that weighs most among those of the name that weighs most."""
    names: dict[tuple[str, ...], list[tuple[float, str]]] = defaultdict(list)
    for text, weight in said:
        if words := name_words(text):
            names[words].append((weight, text.strip()))
    if not names:
        return None
    best = min(names, key=lambda words: (-fsum(sorted(weight for weight, _ in names[words])), words))
    return min(names[best], key=lambda one: (one[1].islower() or one[1].isupper(), -one[0], one[1]))[1]
