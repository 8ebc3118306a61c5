"""What findings say of the product, in one shape: a text, and how much it weighs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from veilgate.domain.lookups import Finding, PageMatch
from veilgate.domain.product_names import cleaned_title, name_words

# Of 1. A page with this very picture says more than one with a look-alike; who sells something names it as
# it sells best; what is in a picture is rarely its name.
_OF_A_NAME = 0.9
_OF_A_PAGE = {PageMatch.FULL: 0.6, PageMatch.PARTIAL: 0.45, PageMatch.SIMILAR: 0.25}
_OF_AN_OFFER = 0.25
_OF_A_CAPTION = 0.3
_OF_A_LABEL = 0.2
# A label of which nobody says how sure they are.
_USUAL_SCORE = 0.5


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """`names_it`: the text is a name or a title, and may be the answer. `make` and `model` may be empty;
    `words` are those of the text."""

    provider: str
    text: str
    weight: float
    names_it: bool
    make: str
    model: str
    words: tuple[str, ...]

    @property
    def vendor(self) -> str:
        """Google's two services, as eBay's, look into one index: together they are one witness."""
        return self.provider.partition("_")[0]


def evidence_in(findings: Iterable[Finding]) -> tuple[Evidence, ...]:
    """All that was said, in an order that does not depend on who answered first."""
    return tuple(sorted(one for finding in findings for one in _said_by(finding) if one.words))


def kinds_of_things(findings: Sequence[Finding]) -> frozenset[str]:
    """Words that say what sort of thing it is, and not which: those of labels, and of captions those without
    a capital, with which names are written."""
    texts = [label.text for finding in findings for label in finding.labels]
    for finding in findings:
        texts += [word for word in (finding.caption or "").split() if word.islower()]
    return frozenset(word for text in texts for word in name_words(text) if word.isalpha())


def _said_by(finding: Finding) -> Iterator[Evidence]:
    who = finding.provider
    for name in finding.names:
        text = cleaned_title(name.text)
        yield _title(who, text, _OF_A_NAME * name.score, make=name.make or "", model=name.model or "")
    for page in finding.pages:
        yield _title(who, cleaned_title(page.title), _OF_A_PAGE[page.match])
    for offer in finding.offers:
        yield _title(who, cleaned_title(offer.title), _OF_AN_OFFER)
    for label in finding.labels:
        score = _USUAL_SCORE if label.score is None else label.score
        yield _description(who, label.text, _OF_A_LABEL * score)
    if finding.caption:
        yield _description(who, finding.caption, _OF_A_CAPTION)


def _title(who: str, text: str, weight: float, *, make: str = "", model: str = "") -> Evidence:
    return Evidence(who, text, weight, True, make, model, name_words(text))


def _description(who: str, text: str, weight: float) -> Evidence:
    return Evidence(who, text.strip(), weight, False, "", "", name_words(text))
