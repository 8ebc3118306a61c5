"""The vocabulary of lookups: what is asked of providers, and what they say, in one shape for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Wear(StrEnum):
    """How used a thing is that somebody offers."""

    NEW = "new"
    REFURBISHED = "refurbished"
    USED = "used"
    FOR_PARTS = "for_parts"
    UNKNOWN = "unknown"


class PageMatch(StrEnum):
    """Why a page was found: it shows this very picture, a part of it, or something that looks like it."""

    FULL = "full"
    PARTIAL = "partial"
    SIMILAR = "similar"


@dataclass(frozen=True, slots=True)
class Money:
    """`currency` is an ISO 4217 code; an amount whose currency nobody knows is no `Money`."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Label:
    """What is in the picture, in a word or two. `score` is 0..1, None where a provider gives none that is."""

    text: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class ProductName:
    """What somebody takes the product for. `make` and `model` are None where only the whole name is known;
    `score` is 0..1: how sure the adapter is, on the scale of docs/lookups.md."""

    text: str
    score: float
    make: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class FoundPage:
    url: str
    title: str
    match: PageMatch
    # Whose page it is, as the provider says: "Acme Store".
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """Something for sale. `is_auction`: the price is a bid so far, not what it will be sold for."""

    price: Money
    link: str
    title: str
    wear: Wear
    source: str | None = None
    is_auction: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """All that one provider said to one question. Any part may be empty: that is an answer too."""

    provider: str
    caption: str | None = None
    labels: tuple[Label, ...] = ()
    names: tuple[ProductName, ...] = ()
    pages: tuple[FoundPage, ...] = ()
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True)
class SentPicture:
    """What may leave the house: bytes of the veiled copy. `sha256` is that of these bytes."""

    data: bytes
    sha256: str
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom providers are asked: answers are kept for that owner alone, and forgotten with the image."""

    owner_id: str
    image_id: str


@dataclass(frozen=True, slots=True)
class Bill:
    """What a stage's questions came to. `calls` were sent out, retries too; `cached` were answered by what
    is kept; `cost_micros` are millionths of a US dollar."""

    calls: int = 0
    cached: int = 0
    cost_micros: int = 0

    def __add__(self, other: "Bill") -> "Bill":
        return Bill(
            self.calls + other.calls, self.cached + other.cached, self.cost_micros + other.cost_micros
        )

    def as_dict(self) -> Mapping[str, int | float]:
        """As events say it."""
        return {"calls": self.calls, "cached": self.cached, "usd": self.cost_micros / 1_000_000}
