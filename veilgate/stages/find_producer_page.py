"""Finds where the maker describes the product, or else a shop that does, and reads that page."""

from collections.abc import Sequence
from typing import Any

from veilgate.domain.lookups import Finding
from veilgate.domain.outcomes import Outcome
from veilgate.domain.producer_pages import PageCandidate, page_candidates, still_makers
from veilgate.domain.product_names import fit
from veilgate.domain.products import IdentifiedProduct, ProducerPage
from veilgate.domain.provider_errors import PageUnreadable
from veilgate.domain.web_pages import WebPage
from veilgate.lookups.ports import PageReader
from veilgate.stages.lookup_contract import LookupWork
from veilgate.stages.share_of_time import share_of_time_left

NO_PAGE_FOUND = "no_page_found"
_MOST_FETCHES = 3
# Of the stage's time, all pages together: three that hang may take 15 s each, and a stage may have less.
_SHARE = 0.9


class FindProducerPage:
    """At most three pages are asked for, the likeliest first; the first that can be read and is about the
    product is taken. What there was no time for is told as unread."""

    name = "find_producer_page"

    def __init__(self, reader: PageReader) -> None:
        self._reader = reader

    async def run(self, work: LookupWork) -> Outcome:
        product = work.get(IdentifiedProduct)
        if product is None:
            return Outcome.skipped("nothing_recognised")
        found = [(finding.provider, page) for finding in work.every(Finding) for page in finding.pages]
        candidates = page_candidates(found, product)[:_MOST_FETCHES]
        unread: list[dict[str, str]] = []
        try:
            async with share_of_time_left(_SHARE):
                if (read := await self._first_read(candidates, product, unread)) is not None:
                    return read
        except TimeoutError:
            late = candidates[len(unread) :]
            unread += [{"url": one.page.url, "error": "There was no time left for it."} for one in late]
        return Outcome.skipped(NO_PAGE_FOUND, {"unread": unread} if unread else None)

    async def _first_read(
        self, candidates: Sequence[PageCandidate], product: IdentifiedProduct, unread: list[dict[str, str]]
    ) -> Outcome | None:
        for candidate in candidates:
            try:
                page = await self._reader.read(candidate.page.url)
            except PageUnreadable as error:
                unread.append({"url": candidate.page.url, "error": str(error)})
                continue
            if chosen := _chosen(candidate, page, product):
                return Outcome.produced(chosen, _report(candidate, chosen, unread))
            unread.append({"url": candidate.page.url, "error": "It is about something else."})
        return None


def _chosen(candidate: PageCandidate, page: WebPage, product: IdentifiedProduct) -> ProducerPage | None:
    """What was found may have gone since: a maker redirects old addresses to its front page."""
    names = [page.title or "", *(marked.name or "" for marked in page.products)]
    if not any(fit(name, text) for name in names for text in (product.name, product.model or "")):
        return None
    is_makers = still_makers(candidate, page.url, product)
    confidence = candidate.confidence if is_makers == candidate.is_makers else candidate.confidence / 2
    return ProducerPage(page, is_makers, round(confidence, 3))


def _report(candidate: PageCandidate, chosen: ProducerPage, unread: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "url": chosen.page.url,
        "title": chosen.page.title or candidate.page.title,
        "confidence": chosen.confidence,
        "because": {
            "provider": candidate.provider,
            "makers_own": chosen.is_makers,
            "title_fit": round(candidate.title_fit, 3),
            "match": candidate.page.match.value,
            "unread": unread,
        },
    }
