"""What lookup stages need of providers and of the web: nothing here knows HTTP."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from veilgate.domain.lookups import Asked, Bill, Finding, Money, Offer, ProductName, SentPicture
from veilgate.domain.web_pages import WebPage

# Makes an address under which anybody can fetch the sent picture for a while.
MakeLink = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a provider said, and what asking came to."""

    finding: Finding
    bill: Bill


class PictureProvider(Protocol):
    """Says what it makes of a picture. `ask` raises a `LookupFailed` leaf."""

    @property
    def name(self) -> str: ...

    @property
    def needs_link(self) -> bool:
        """Whether it takes an address that it fetches itself, and no bytes."""
        ...

    async def ask(self, picture: SentPicture, link: MakeLink | None, *, asked: Asked) -> Answered: ...


class TextProvider(Protocol):
    """Finds what is for sale under a product's name. `ask` raises a `LookupFailed` leaf."""

    @property
    def name(self) -> str: ...

    async def ask(self, text: str, *, asked: Asked) -> Answered: ...


@dataclass(frozen=True, slots=True)
class Refined:
    """What a language model made of candidates: the index of the best product name, or None if none fits, and
    a cleaner spelling of make and model."""

    name: ProductName | None
    bill: Bill


@dataclass(frozen=True, slots=True)
class RefinedPrice:
    """`price` lies within the range that statistics gave; None if the model had nothing to add."""

    price: Money | None
    reason: str
    bill: Bill


class Refiner(Protocol):
    """A language model, where there is one: it chooses between what was found, and adds no facts. Both raise
    a `LookupFailed` leaf."""

    @property
    def name(self) -> str: ...

    async def choose_name(
        self, names: tuple[ProductName, ...], captions: tuple[str, ...], *, asked: Asked
    ) -> Refined: ...

    async def judge_price(
        self,
        product: str,
        offers: tuple[Offer, ...],
        bounds: tuple[Decimal, Decimal, str],
        *,
        asked: Asked,
    ) -> RefinedPrice: ...


class PageReader(Protocol):
    """Reads pages of the web as a well-behaved guest. `read` raises `PageUnreadable` (also when the site's
    robots.txt does not want us)."""

    async def read(self, url: str) -> WebPage: ...
