"""Asks one provider what it makes of the picture, or what is for sale under the product's name."""

from collections.abc import Callable, Mapping
from typing import Any

from veilgate.domain.lookups import Finding, Money, SentPicture
from veilgate.domain.outcomes import Outcome
from veilgate.domain.products import IdentifiedProduct
from veilgate.lookups.ports import Answered, MakeLink, PictureProvider, TextProvider
from veilgate.stages.lookup_contract import LookupWork

NO_PUBLIC_ADDRESS = "no_public_address"
# Events and results say so many of each; the stages that follow see all.
_MOST_REPORTED = 20

# Makes links to the picture that is sent; None where nobody outside could follow them.
LinkMaker = Callable[[LookupWork], MakeLink]


class AskAboutPicture:
    """Named after its provider. One that needs a link is skipped where none can be made."""

    def __init__(self, provider: PictureProvider, link_maker: LinkMaker | None) -> None:
        self.name = provider.name
        self._provider = provider
        self._link_maker = link_maker

    async def run(self, work: LookupWork) -> Outcome:
        if self._provider.needs_link and self._link_maker is None:
            return Outcome.skipped(NO_PUBLIC_ADDRESS, {"settings": ["PUBLIC_BASE_URL"]})
        picture = work.get(SentPicture)
        assert picture
        link = self._link_maker(work) if self._link_maker else None
        return _outcome(await self._provider.ask(picture, link, asked=work.asked))


class AskAboutProduct:
    """Named after its provider."""

    def __init__(self, provider: TextProvider) -> None:
        self.name = provider.name
        self._provider = provider

    async def run(self, work: LookupWork) -> Outcome:
        product = work.get(IdentifiedProduct)
        assert product
        return _outcome(await self._provider.ask(product.name, asked=work.asked))


def _outcome(answered: Answered) -> Outcome:
    report = {**_report(answered.finding), "cost": answered.bill.as_dict()}
    return Outcome.produced(answered.finding, report)


def _report(finding: Finding) -> Mapping[str, Any]:
    """As far as it was given."""
    parts: dict[str, Any] = {
        "caption": finding.caption,
        "labels": [{"text": one.text, "score": one.score} for one in finding.labels[:_MOST_REPORTED]],
        "names": [
            {"text": one.text, "score": one.score, "make": one.make, "model": one.model}
            for one in finding.names[:_MOST_REPORTED]
        ],
        "pages": [
            {"url": one.url, "title": one.title, "match": one.match, "source": one.source}
            for one in finding.pages[:_MOST_REPORTED]
        ],
        "offers": [
            {
                "price": _price(one.price),
                "link": one.link,
                "title": one.title,
                "wear": one.wear,
                "source": one.source,
                "is_auction": one.is_auction,
            }
            for one in finding.offers[:_MOST_REPORTED]
        ],
    }
    return {"provider": finding.provider, **{name: part for name, part in parts.items() if part}}


def _price(price: Money) -> Mapping[str, str]:
    return {"amount": str(price.amount), "currency": price.currency}
