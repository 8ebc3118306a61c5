"""What all judges of answers have in common: the leaf that a status stands for, and what it may say."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from veilgate.domain.provider_errors import (
    KeyRefused,
    LookupFailed,
    ProviderBroken,
    ProviderDown,
    ProviderThrottled,
    PutAnotherWay,
    QuestionRefused,
)
from veilgate.lookups.questions import Reply, Told

# Names of errors, and nothing that could be a key or a sentence of somebody.
_NAME = re.compile(r"[A-Za-z]+(_[A-Za-z]+)*|\d{1,6}")
_LONGEST_NAME = 40
_WAIT_IN_WORDS = re.compile(r"retry after (\d{1,6}) second", re.IGNORECASE)


def failure_of(reply: Reply, *, named: Any = None) -> LookupFailed:
    """The leaf that the status alone stands for. `named` is what the answer calls the error."""
    said = said_of(reply, named=named)
    if reply.status in {401, 403}:
        return KeyRefused(said)
    if reply.status == 429:
        return ProviderThrottled(said, retry_after_s=wait_in_words(reply.text))
    if 400 <= reply.status < 500:
        return QuestionRefused(said)
    return ProviderDown(said) if reply.status >= 500 else ProviderBroken(said)


def said_of(reply: Reply, *, named: Any = None) -> str:
    """A sentence for people: status and name of the error, and no word of what the answer says else."""
    name = str(named) if isinstance(named, str | int) else ""
    is_name = len(name) <= _LONGEST_NAME and _NAME.fullmatch(name)
    return f"It answered with status {reply.status}" + (f" ({name})." if is_name else ".")


def wait_in_words(text: str) -> int | None:
    """The seconds of "retry after N seconds", where they are not in the header."""
    found = _WAIT_IN_WORDS.search(text)
    return int(found[1]) if found else None


def require_object(reply: Reply) -> Mapping[str, Any]:
    """The document of a good answer. Raises `ProviderBroken` for what is none."""
    if not isinstance(reply.document, dict):
        raise ProviderBroken("What it answered is no JSON object.")
    return reply.document


async def ask_or_else(first: Callable[[], Awaitable[Told]], second: Callable[[], Awaitable[Told]]) -> Told:
    """What the first way tells, or the second where that is answered with `PutAnotherWay`; the bill, also of
    a failure, is that of both."""
    try:
        return await first()
    except PutAnotherWay as refusal:
        spent = refusal.bill
    try:
        told = await second()
    except LookupFailed as error:
        error.bill = spent + error.bill
        raise
    return replace(told, bill=spent + told.bill)
