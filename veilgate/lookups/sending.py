"""What becomes of one request to a provider, as far as it matters who pays for it."""

from collections.abc import Awaitable
from typing import Protocol

from veilgate.lookups.questions import Question, Reply


class NeverSent(Exception):
    """The provider could not be reached: it has not seen the question."""


class Unanswered(Exception):
    """The question was sent, and nobody knows what became of it: it may be worked on, and billed."""


class Send(Protocol):
    """Raises `NeverSent`, `Unanswered`, and `ProviderBroken` for an answer that nobody can take."""

    def __call__(self, question: Question, *, timeout_s: float) -> Awaitable[Reply]: ...
