"""What the stages of a lookup make of all that was found: the product, its page, what it is offered for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from veilgate.domain.lookups import Money, Offer
from veilgate.domain.web_pages import WebPage


@dataclass(frozen=True, slots=True)
class IdentifiedProduct:
    """What it is taken for. `name` is what shops are asked for; `confidence` is 0..1."""

    name: str
    make: str | None
    model: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class ProducerPage:
    """A page about the product: its maker's own or, failing that, a shop's."""

    page: WebPage
    is_makers: bool
    confidence: float


@dataclass(frozen=True, slots=True)
class RetailDetails:
    """What the product is and costs when new. Anything may be missing but the address or the price."""

    producer_url: str | None = None
    price: Money | None = None
    original_name: str | None = None
    description: str | None = None
    material: str | None = None
    specs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FittingOffer:
    """An offer of this very product. `provider` told of it; `fit`, 0..1, is how well its title names it."""

    offer: Offer
    provider: str
    fit: float


@dataclass(frozen=True, slots=True)
class SecondHandOffers:
    """All offers of used ones that fit the product, the best fitting and cheapest first."""

    offers: tuple[FittingOffer, ...]
