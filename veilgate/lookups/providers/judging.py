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
from veilgate.lookups.providers.json_reading import entries, entry
from veilgate.lookups.questions import Reply, Told

# Names of errors, and nothing that could be a key or a sentence of somebody.
_NAME = re.compile(r"[A-Za-z]+(_[A-Za-z]+)*|\d{1,6}")
_LONGEST_NAME = 40
# Who is forbidden to ask, whatever it is, and what it is that nobody may ask: both are said with status 403.
_ABOUT_KEY = re.compile(
    r"permission|access|unauthori[sz]ed|\bapi.?key|credential|account|billing|disabled|subscription|"
    r"country|region|consumer",
    re.IGNORECASE,
)
_ABOUT_QUESTION = re.compile(r"moderat|flagged|content.{0,3}(?:filter|policy|manag)|safety", re.IGNORECASE)
_LONGEST_WORDS = 1000
_WAIT_IN_WORDS = re.compile(r"retry after (\d{1,6}) second", re.IGNORECASE)


def failure_of(reply: Reply, *, named: Any = None) -> LookupFailed:
    """The leaf that the status stands for; of a 403, which may be about the key or about this question, by
    what the error says. `named` is what the answer calls it."""
    said = said_of(reply, named=named)
    if reply.status == 401 or (reply.status == 403 and _is_about_key(reply, named)):
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


def _is_about_key(reply: Reply, named: Any) -> bool:
    """A key that is taken for a refused one is left alone for an hour, for everybody: only what says so. Of
    the answer the error's own words count, and not what it repeats of the question."""
    document = entry(reply.document)
    listed = entries(document.get("errors"), most=1)
    error = entry(document.get("error")) or (listed[0] if listed else document)
    parts = [named, document.get("error"), *map(error.get, ("code", "type", "status", "domain", "message"))]
    words = " ".join(part[:_LONGEST_WORDS] for part in parts if isinstance(part, str))
    return bool(_ABOUT_KEY.search(words)) and not _ABOUT_QUESTION.search(words)


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
