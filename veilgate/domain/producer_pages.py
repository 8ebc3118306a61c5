"""Which of the pages that were found is the maker's own, and which shop's would do instead."""

from collections.abc import Iterable
from dataclasses import dataclass

from veilgate.domain.lookups import FoundPage, PageMatch
from veilgate.domain.product_names import fit, name_words
from veilgate.domain.products import IdentifiedProduct
from veilgate.domain.sites import MARKETPLACES, NOT_SHOPS, SHOPS, same_page, site_of

_OF_THE_MAKER = 0.6
_OF_A_SHOP = 0.3
_OF_THE_TITLE = 0.25
_OF_THE_MATCH = {PageMatch.FULL: 0.15, PageMatch.PARTIAL: 0.1, PageMatch.SIMILAR: 0.05}
_SHORTEST_MAKE = 3


@dataclass(frozen=True, slots=True)
class PageCandidate:
    """`provider` found it. `confidence`, 0..1, is that it is the page of the product's maker, or for a shop
    that its page is about the product."""

    page: FoundPage
    provider: str
    is_makers: bool
    title_fit: float
    confidence: float


def page_candidates(
    found: Iterable[tuple[str, FoundPage]], product: IdentifiedProduct
) -> tuple[PageCandidate, ...]:
    """The pages worth reading, the best first, each once however often it was found."""
    best: dict[str, PageCandidate] = {}
    judged = [one for provider, page in found if (one := _judged(provider, page, product))]
    for one in sorted(judged, key=_rank):
        best.setdefault(same_page(one.page.url), one)
    return tuple(best.values())


def is_site_of(url: str, make: str) -> bool:
    """Whether the site has the maker's name: acme.com, shop.acme.de, acme-audio.com of Acme."""
    site = site_of(url)
    squeezed = "".join(name_words(make))
    if len(squeezed) < _SHORTEST_MAKE or site in MARKETPLACES | SHOPS | NOT_SHOPS:
        return False
    return squeezed in (site.replace("-", ""), *site.split("-")) or site.startswith(squeezed)


def still_makers(candidate: PageCandidate, url: str, product: IdentifiedProduct) -> bool:
    """Whether it is the maker's page where redirects led."""
    if site_of(url) == site_of(candidate.page.url):
        return candidate.is_makers
    return product.make is not None and is_site_of(url, product.make)


def _is_named_as(source: str | None, make: str, site: str) -> bool:
    """Whether the provider calls the site as the make is called."""
    return site not in MARKETPLACES | SHOPS and name_words(source or "") == name_words(make) != ()


def _judged(provider: str, page: FoundPage, product: IdentifiedProduct) -> PageCandidate | None:
    site = site_of(page.url)
    if not site or site in NOT_SHOPS:
        return None
    title_fit = fit(page.title, product.name)
    if product.model:
        title_fit = max(title_fit, fit(page.title, product.model))
    is_makers = product.make is not None and (
        is_site_of(page.url, product.make) or _is_named_as(page.source, product.make, site)
    )
    is_worth_a_look = title_fit > 0 or (is_makers and page.match is PageMatch.FULL)
    # Marketplaces sell anybody's, used ones too: their pages say little of the product itself.
    if not is_worth_a_look or site in MARKETPLACES:
        return None
    confidence = (
        (_OF_THE_MAKER if is_makers else _OF_A_SHOP) + _OF_THE_TITLE * title_fit + _OF_THE_MATCH[page.match]
    )
    return PageCandidate(page, provider, is_makers, title_fit, round(confidence, 3))


def _rank(one: PageCandidate) -> tuple[float, int, str, str]:
    # Of equals the page nearer to the root is rather the product's own than a review or a list.
    return (-one.confidence, one.page.url.count("/"), one.page.url, one.provider)
