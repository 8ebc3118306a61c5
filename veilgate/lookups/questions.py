"""One question to a provider over HTTP, and what comes back: the seam between adapters and `Calls`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from veilgate.domain.lookups import Asked, Bill


@dataclass(frozen=True, slots=True)
class Question:
    """An HTTP request, and what makes it the same question as an earlier one: `sent_sha256` of the picture or
    text that is asked about, and `parameters`, a canonical text of all else that decides the answer. Keys
    and addresses that change with each call are in neither. `units` are what the provider bills for one."""

    provider: str
    url: str
    sent_sha256: str
    parameters: str
    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    units: int = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with whatever status. `document` is its JSON, None where it is none; headers have lower-case
    names; `text` is the beginning of the body, for judging what is no JSON, and is never logged."""

    status: int
    headers: Mapping[str, str]
    document: Any
    text: str = field(repr=False)


# Gives what is worth keeping of a good answer, as JSON has it; raises a `LookupFailed` leaf for a bad one,
# also for an error in an answer with status 200, and tells "slow down" from "out of credit".
Judge = Callable[[Reply], Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What the judge kept of the answer, now or earlier, and what asking came to."""

    document: Any
    bill: Bill


class Asks(Protocol):
    """What adapters need of `Calls`: limits, retries, the breaker, the budget and kept answers are its
    business. Raises a `LookupFailed` leaf, whose `bill` says what was spent in vain."""

    async def ask(self, question: Question, judge: Judge, *, asked: Asked) -> Told: ...
