"""Reading what a chat model answers, whoever serves it: good, refused, cut off, or in words around JSON."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from veilgate.domain.provider_errors import (
    LookupFailed,
    OutOfCredit,
    ProviderBroken,
    ProviderThrottled,
    PutAnotherWay,
    QuestionRefused,
)
from veilgate.lookups.providers.json_reading import entries, entry, text
from veilgate.lookups.providers.judging import failure_of, require_object, said_of
from veilgate.lookups.questions import Judge, Reply

_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
# In words around the object there may be braces too, but not many.
_MOST_BRACES = 8
_NO_CREDIT = ("insufficient_quota", "credit", "billing")
_NO_CREDIT_WORDS = "exceeded your current quota"
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h|d)")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_RESETS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")


def judge_of(read: Callable[[Mapping[str, Any]], Mapping[str, Any]], *, is_last: bool) -> Judge:
    """Unless it `is_last`, what may be answered when it is put more simply raises `PutAnotherWay`."""

    def judge(reply: Reply) -> Mapping[str, Any]:
        if reply.status in {400, 422} and not is_last:
            raise PutAnotherWay(said_of(reply, named=_code(reply)))
        if reply.status != 200:
            raise _refusal(reply)
        choice = _choice(reply)
        if choice.get("finish_reason") == "length":
            raise (ProviderBroken if is_last else PutAnotherWay)("Its answer was cut off.")
        content = _content(choice)
        answer = first_object(content)
        if answer is None:
            raise ProviderBroken("Its answer holds no JSON object.")
        return read(answer)

    return judge


def first_object(content: str) -> Mapping[str, Any] | None:
    """The first JSON object in a text, after what the model thought aloud."""
    plain, decoder = _THOUGHTS.sub("", content), json.JSONDecoder()
    start = plain.find("{")
    for _ in range(_MOST_BRACES):
        if start < 0:
            return None
        try:
            found, _ = decoder.raw_decode(plain, start)
        except (ValueError, RecursionError):
            start = plain.find("{", start + 1)
            continue
        return entry(found)
    return None


def duration_s(written: str) -> int | None:
    """Whole seconds of `120ms`, `1s` or `6m0s`; None of what is none."""
    parts = list(_DURATION.finditer(written))
    if "".join(part[0] for part in parts) != written or not parts:
        return None
    return math.ceil(sum(float(part["number"]) * _UNITS_S[part["unit"]] for part in parts))


def _choice(reply: Reply) -> Mapping[str, Any]:
    document = require_object(reply)
    choices = entries(document.get("choices"), most=1)
    if choices:
        return choices[0]
    # Servers of one's own say errors with status 200 too.
    code = _error(reply).get("code", document.get("code"))
    if isinstance(code, int) and 400 <= code < 600:
        raise failure_of(replace(reply, status=code))
    raise ProviderBroken("It answered with nothing to choose from.")


def _content(choice: Mapping[str, Any]) -> str:
    """A text, or a list of parts that are texts. Raises `QuestionRefused` if the model will not."""
    message = entry(choice.get("message"))
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        raise QuestionRefused("The model will not answer about this.")
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part["text"] for part in entries(content) if isinstance(part.get("text"), str))
    if not isinstance(content, str):
        raise ProviderBroken("It answered without a text.")
    return content


def _refusal(reply: Reply) -> LookupFailed:
    error = _error(reply)
    named = [str(error.get(name) or "") for name in ("code", "type")]
    said = said_of(reply, named=_code(reply))
    message = text(error.get("message")) or ""
    has_no_credit = any(sign in name for sign in _NO_CREDIT for name in named) or _NO_CREDIT_WORDS in message
    if reply.status == 402 or (reply.status == 429 and has_no_credit):
        return OutOfCredit(said)
    if reply.status == 429:
        return ProviderThrottled(said, retry_after_s=_reset_s(reply))
    return failure_of(reply, named=_code(reply))


def _error(reply: Reply) -> Mapping[str, Any]:
    """Older servers have its parts at the top."""
    document = entry(reply.document)
    return entry(document.get("error")) or document


def _code(reply: Reply) -> Any:
    error = _error(reply)
    return error.get("code") or error.get("type")


def _reset_s(reply: Reply) -> int | None:
    """The longer of both; the header that everybody knows goes before them."""
    if "retry-after" in reply.headers:
        return None
    resets = [duration_s(reply.headers.get(name, "")) for name in _RESETS]
    return max((reset for reset in resets if reset is not None), default=None)
