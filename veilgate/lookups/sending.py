"""What becomes of one request to a provider, as far as it matters who pays for it."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from veilgate.domain.lookups import Bill
from veilgate.lookups.questions import Question, Reply

_BILLED = 200


class NeverSent(Exception):
    """The provider could not be reached: it has not seen the question."""


class Unanswered(Exception):
    """The question was sent, and nobody knows what became of it: it may be worked on, and billed."""


@dataclass(slots=True)
class Fate:
    """What is known of one request, at any moment, for whoever cuts it off. `price_micros`: when billed."""

    price_micros: int = 0
    was_sent: bool = False
    status: int | None = None

    @property
    def is_billed(self) -> bool:
        """Or may be: what was sent and not answered counts as billed."""
        return self.was_sent and self.status in {None, _BILLED}

    @property
    def bill(self) -> Bill:
        return Bill(calls=int(self.was_sent), cost_micros=self.price_micros if self.is_billed else 0)


class Send(Protocol):
    """Raises `NeverSent`, `Unanswered`, and `ProviderBroken` for an answer that nobody can take. `fate` says
    that it was sent once there is a connection to send it over."""

    def __call__(self, question: Question, *, timeout_s: float, fate: Fate) -> Awaitable[Reply]: ...
