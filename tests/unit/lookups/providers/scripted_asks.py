"""Answers without a network: what a provider would say is given beforehand, and its judge hears it."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable
from typing import Any, TypeVar

from veilgate.domain.lookups import Asked, Bill, SentPicture
from veilgate.domain.provider_errors import LookupFailed
from veilgate.lookups.questions import Judge, Question, Reply, Told

T = TypeVar("T")
ASKED = Asked("owner-1", "image-1")
BYTES = b"\xff\xd8 veiled"
PICTURE = SentPicture(BYTES, hashlib.sha256(BYTES).hexdigest(), "image/jpeg", 1024, 768)
ONE_CALL = Bill(calls=1, cost_micros=10)


def said(document: Any, status: int = 200, *, text: str = "", **headers: str) -> Reply:
    """`text` is for what is no JSON, or is judged by its words."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, document, text or json.dumps(document))


class ScriptedAsks:
    """Says each reply in turn, and the last of them for ever. What is kept of one goes through JSON, as it
    would on its way to Redis and back."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.questions: list[Question] = []
        self.kept: list[str] = []

    async def ask(self, question: Question, judge: Judge, *, asked: Asked) -> Told:  # noqa: ARG002
        self.questions.append(question)
        await asyncio.sleep(0)
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        try:
            kept = judge(reply)
        except LookupFailed as error:
            error.bill = ONE_CALL
            raise
        self.kept.append(json.dumps(kept))
        return Told(json.loads(self.kept[-1]), ONE_CALL)


def run(asking: Awaitable[T]) -> T:
    async def main() -> T:
        return await asking

    return asyncio.run(main())
