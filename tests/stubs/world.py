"""What there is to find in the stubs' world: a few made-up products, of which every vendor tells the same."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

COUNTRY, CURRENCY = "us", "USD"
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Product:
    """`markup` is how its maker's page says what it is: json-ld, microdata or opengraph."""

    slug: str
    make: str
    model: str
    noun: str
    retail: Decimal
    material: str
    colour: str
    markup: str
    specs: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.make} {self.model}"

    @property
    def caption(self) -> str:
        return f"a {self.colour} {self.noun} on a table"

    @property
    def description(self) -> str:
        return f"{self.model}, a {self.colour} {self.noun} of {self.material}, made to be repaired."

    def share(self, of_retail: str) -> Decimal:
        return (self.retail * Decimal(of_retail)).quantize(_CENT)


@dataclass(frozen=True, slots=True)
class Listing:
    """Something on offer at eBay. `bid` marks an auction, whose price is what is bid so far."""

    number: int
    title: str
    price: Decimal
    condition: str
    condition_id: str
    bid: bool = False

    @property
    def link(self) -> str:
        return f"https://www.ebay.com/itm/{self.number}"


PRODUCTS = (
    Product(
        slug="kestrel-k2",
        make="Acme",
        model="Kestrel K2",
        noun="pair of headphones",
        retail=Decimal("129.00"),
        material="aluminium and leather",
        colour="black",
        markup="json-ld",
        specs=(("Driver", "40 mm"), ("Weight", "260 g")),
        labels=("Headphones", "Audio equipment", "Gadget"),
    ),
    Product(
        slug="lumen-40",
        make="Borealis",
        model="Lumen 40",
        noun="desk lamp",
        retail=Decimal("89.50"),
        material="steel",
        colour="white",
        markup="microdata",
        specs=(("Light", "800 lm"),),
        labels=("Lamp", "Lighting", "Desk"),
    ),
    Product(
        slug="trail-28",
        make="Calder",
        model="Trail 28",
        noun="backpack",
        retail=Decimal("164.00"),
        material="waxed cotton",
        colour="green",
        markup="opengraph",
        labels=("Backpack", "Bag", "Luggage"),
    ),
    Product(
        slug="press-one",
        make="Dovetail",
        model="Press One",
        noun="coffee grinder",
        retail=Decimal("249.00"),
        material="walnut and steel",
        colour="brown",
        markup="json-ld",
        specs=(("Burr", "58 mm"), ("Hopper", "250 g")),
        labels=("Coffee grinder", "Small appliance", "Kitchen"),
    ),
    Product(
        slug="ember-2",
        make="Fennimore",
        model="Ember 2",
        noun="camping stove",
        retail=Decimal("74.95"),
        material="brass",
        colour="golden",
        markup="microdata",
        labels=("Stove", "Camping", "Outdoor gear"),
    ),
    Product(
        slug="oriel-c",
        make="Greyfriar",
        model="Oriel C",
        noun="wall clock",
        retail=Decimal("58.00"),
        material="oak",
        colour="pale",
        markup="opengraph",
        labels=("Clock", "Wall clock", "Furniture"),
    ),
)


@dataclass
class World:
    """Which product a picture shows: as `shows` says by the sha256 of its bytes, else the first one."""

    shows: dict[str, Product] = field(default_factory=dict)
    # Where makers and shops have their pages; known once the site has a port.
    site_url: str = ""

    def recognise(self, picture: bytes) -> Product:
        return self.shows.get(hashlib.sha256(picture).hexdigest(), PRODUCTS[0])

    def named(self, text: str) -> Product | None:
        """The product of which make or model stands in the text, the one with the most such words."""
        words = set(_words(text))
        found = max(PRODUCTS, key=lambda product: len(words & set(_words(product.name))))
        return found if words & set(_words(found.name)) else None

    def maker_page(self, product: Product) -> str:
        return f"{self.site_url}/{product.make.lower()}/{product.slug}"

    def shop_page(self, product: Product) -> str:
        return f"{self.site_url}/shop/{product.slug}"


def listings(product: Product) -> tuple[Listing, ...]:
    """What people ask for it: used ones and a refurbished one, an auction, and what no estimate should
    count: one for parts, an accessory, and somebody's dream."""
    first = 110_000_000_000 + 100 * PRODUCTS.index(product)
    rows = (
        (f"{product.name} {product.noun}, used", "0.46", "Used", "3000", False),
        (f"{product.name} - very good", "0.55", "Very Good", "4000", False),
        (f"{product.make} {product.model} {product.colour}", "0.50", "Good", "5000", False),
        (f"{product.name} acceptable, scratches", "0.38", "Acceptable", "6000", False),
        (f"{product.name} boxed", "0.58", "Used", "3000", False),
        (f"{product.name} certified refurbished", "0.70", "Certified - Refurbished", "2000", False),
        (f"{product.name} auction", "0.24", "Used", "3000", True),
        (f"{product.name} for parts, defective", "0.10", "For parts or not working", "7000", False),
        (f"Carrying case for {product.name}", "0.09", "New", "1000", False),
        (f"{product.name} RARE collector's item", "4.00", "Used", "3000", False),
        (f"{product.name} new in box", "0.97", "New", "1000", False),
    )
    return tuple(
        Listing(first + number, title, product.share(share), condition, condition_id, bid)
        for number, (title, share, condition, condition_id, bid) in enumerate(rows)
    )


def _words(text: str) -> Iterator[str]:
    return (word for word in re.split(r"[^a-z0-9]+", text.lower()) if word)
