"""A page's HTML as what is kept of it."""

from urllib.parse import urljoin

from veilgate.domain.currencies import country_of
from veilgate.domain.product_names import cleaned_title
from veilgate.domain.sites import host_of
from veilgate.domain.web_pages import MarkedProduct, Markup, WebPage
from veilgate.lookups.pages.json_ld import nodes_in
from veilgate.lookups.pages.open_graph import product_in
from veilgate.lookups.pages.page_parts import PageParts, read_parts
from veilgate.lookups.pages.product_nodes import bare_address, products_in
from veilgate.lookups.pages.steps import Steps

_LONGEST_URL = 2048


def read_page(url: str, source: str) -> WebPage:
    """The page that was found at `url`. Whatever stands in it, this raises nothing."""
    parts = read_parts(source)
    locales = [content for name, content in parts.metas if name == "og:locale"]
    country = country_of(host_of(url), parts.locale) or country_of(host_of(url), next(iter(locales), None))
    called = _canonical(parts, url)
    addresses = frozenset({bare_address(url), bare_address(called)})
    products: list[MarkedProduct] = []
    steps = Steps()
    for markup, nodes in ((Markup.JSON_LD, nodes_in(parts.json_ld)), (Markup.MICRODATA, parts.items)):
        products += products_in(nodes, markup, steps, addresses=addresses, country=country)
    if (told := product_in(parts.metas, country)) is not None:
        products.append(told)
    title = cleaned_title(parts.title) if parts.title else None
    return WebPage(called, title or None, tuple(products))


def _canonical(parts: PageParts, url: str) -> str:
    """What the page calls its address; it speaks for its own site alone."""
    try:
        called = urljoin(url, (parts.canonical or "").strip())
    except ValueError:
        return url
    is_own = called.startswith(("http://", "https://")) and host_of(called) == host_of(url)
    return called if is_own and len(called) <= _LONGEST_URL and called.isprintable() else url
