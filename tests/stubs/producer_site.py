"""A site with the pages of every maker and of one shop, and a robots.txt."""

import json
from collections.abc import Callable
from html import escape

from tests.stubs.desks import Desk, Said, Sent, Trouble, Troubles, page
from tests.stubs.world import CURRENCY, PRODUCTS, Product, World

ROBOTS = "User-agent: *\nDisallow: /private/\n"


class ProducerSite:
    """`/<make>/<slug>` is the maker's page, `/shop/<slug>` a shop's; `/private/...` is for no robots."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.desk = Desk("producer_site", self._answer, _TROUBLES)

    async def _answer(self, sent: Sent) -> Said:
        if sent.path == "/robots.txt":
            return page(ROBOTS, media_type="text/plain")
        folder, _, slug = sent.path.strip("/").removeprefix("private/").partition("/")
        for product in PRODUCTS:
            if slug == product.slug and folder in {product.make.lower(), "shop"}:
                return self._page(product, folder == "shop")
        return page("<!doctype html><title>Not found</title>", status=404)

    def _page(self, product: Product, is_shop: bool) -> Said:
        url = self._world.shop_page(product) if is_shop else self._world.maker_page(product)
        price = product.share("0.95") if is_shop else product.retail
        head, body = _MARKUP[product.markup](product, url, str(price))
        seller = "The Shop" if is_shop else product.make
        return page(
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<title>{product.name} | {seller}</title>"
            f'<link rel="canonical" href="{url}">{head}</head><body><h1>{escape(product.model)}</h1>{body}'
            f"<p>{CURRENCY} {price}</p></body></html>"
        )


def _json_ld(product: Product, url: str, price: str) -> tuple[str, str]:
    """The product within a graph, a related one beside it, and a block before it that is broken."""
    others = [other for other in PRODUCTS if other is not product][:1]
    graph = [
        {"@type": "WebSite", "name": product.make},
        *(
            {"@type": "Product", "name": other.name, "offers": {"price": "1.00", "priceCurrency": CURRENCY}}
            for other in others
        ),
        {
            "@type": ["Product"],
            "@id": f"{url}#product",
            "url": url,
            "name": product.name,
            "brand": {"@type": "Brand", "name": product.make},
            "model": product.model,
            "material": product.material.split(" and "),
            "color": product.colour,
            "description": product.description,
            "additionalProperty": [
                {"@type": "PropertyValue", "name": name, "value": value} for name, value in product.specs
            ],
            "offers": [
                {
                    "@type": "Offer",
                    "url": url,
                    "price": price,
                    "priceCurrency": CURRENCY,
                    "itemCondition": "https://schema.org/NewCondition",
                }
            ],
        },
    ]
    document = json.dumps({"@context": "https://schema.org", "@graph": graph})
    script = '<script type="application/ld+json">{}</script>'
    return script.format('{"@type": "Organization",;') + script.format(document), ""


def _microdata(product: Product, url: str, price: str) -> tuple[str, str]:
    specs = "".join(
        '<li itemprop="additionalProperty" itemscope itemtype="https://schema.org/PropertyValue">'
        f'<span itemprop="name">{name}</span> <span itemprop="value">{value}</span></li>'
        for name, value in product.specs
    )
    return "", (
        f'<div itemscope itemtype="https://schema.org/Product"><link itemprop="url" href="{url}">'
        f'<span itemprop="name">{product.name}</span><span itemprop="brand">{product.make}</span>'
        f'<p itemprop="description">{product.description}</p>'
        f'<span itemprop="material">{product.material}</span>'
        '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">'
        f'<meta itemprop="priceCurrency" content="{CURRENCY}"><span itemprop="price" content="{price}">'
        f"${price}</span></div><ul>{specs}</ul></div>"
    )


def _open_graph(product: Product, url: str, price: str) -> tuple[str, str]:
    properties = {
        "og:type": "product",
        "og:title": product.name,
        "og:description": product.description,
        "og:url": url,
        "product:brand": product.make,
        "product:price:amount": price,
        "product:price:currency": CURRENCY,
    }
    lines = (f'<meta property="{name}" content="{escape(text)}">' for name, text in properties.items())
    return "".join(lines), ""


_MARKUP = {"json-ld": _json_ld, "microdata": _microdata, "opengraph": _open_graph}


def _unless_robots(said: Said) -> Callable[[Sent], Said | None]:
    return lambda sent: None if sent.path == "/robots.txt" else said


_TROUBLES: Troubles = {
    Trouble.BROKEN: _unless_robots(page("<!doctype html><title>Oh no</title>", status=500)),
    Trouble.EMPTY: _unless_robots(page("<!doctype html><title>Acme</title><p>We sell things.</p>")),
}
