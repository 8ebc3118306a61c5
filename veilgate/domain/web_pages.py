"""What is kept of a page of the web: its title, and the products that its markup tells of."""

from dataclasses import dataclass
from enum import StrEnum

from veilgate.domain.lookups import Money, Wear


class Markup(StrEnum):
    """How a page tells machines what is on it, the most to be trusted first."""

    JSON_LD = "json-ld"
    MICRODATA = "microdata"
    OPEN_GRAPH = "opengraph"


@dataclass(frozen=True, slots=True)
class MarkedProduct:
    """A product that a page tells of. `is_main`: the page says that it is about this one. `prices` are what
    it is sold for, of each variant and seller; those that are struck through are not among them."""

    markup: Markup
    name: str | None = None
    is_main: bool = False
    brand: str | None = None
    model: str | None = None
    description: str | None = None
    material: str | None = None
    specs: tuple[tuple[str, str], ...] = ()
    prices: tuple[Money, ...] = ()
    wear: Wear = Wear.UNKNOWN


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page as it was read. `url` is where redirects led, or what the page itself calls its address."""

    url: str
    title: str | None = None
    products: tuple[MarkedProduct, ...] = ()
