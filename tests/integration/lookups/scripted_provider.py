"""A provider that answers as a test says, and calls over it that are careful with a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from time import time
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from veilgate.domain.lookups import Asked, Bill
from veilgate.domain.provider_errors import (
    KeyRefused,
    OutOfCredit,
    ProviderBroken,
    ProviderDown,
    ProviderThrottled,
    QuestionRefused,
)
from veilgate.lookups.answer_cache import AnswerCache
from veilgate.lookups.budgets import DailyBudget, SpentOnDay
from veilgate.lookups.calls import Calls
from veilgate.lookups.lookup_redis import open_lookup_redis
from veilgate.lookups.provider_policies import read_policies
from veilgate.lookups.questions import Question, Reply, Told

ASKED = Asked("owner-1", "image-1")
PAID, COUNTED, FREE = "google_vision", "ebay_search", "vision_model"
# No test waits for a pace, nor for a pause between attempts.
QUICK = ",".join(
    f"{account}.{limit}"
    for account in ("google_vision", "serpapi", "ebay", "vision_model")
    for limit in ("per_second=1000", "concurrency=50", "first_pause_s=0.01", "timeout_s=10")
)
PRICE = 0.01
LIMITS = f"{QUICK},google_vision.usd_per_call={PRICE},vision_model.usd_per_call=0"
# For who does not answer: others have the time that they need on a busy machine.
IMPATIENT = "google_vision.timeout_s=0.2,ebay_search.timeout_s=0.2,vision_model.timeout_s=0.2"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ScriptedProvider:
    """`answers` are given one after the other, and the last one ever after."""

    answers: list[Handler] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.received.append(request.query["of"])
        self.at_s.append(asyncio.get_running_loop().time())
        handler = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await handler(request)

    def question(self, of: str = PAID, text: str = "what is it?", **more: Any) -> Question:
        return replace(Question(of, self.url, text, "", query={"of": of, "key": "s3cret"}), **more)


@asynccontextmanager
async def scripted(*answers: Handler) -> AsyncIterator[ScriptedProvider]:
    provider = ScriptedProvider(list(answers))
    app = web.Application()
    app.router.add_post("/", provider.answer)
    async with TestServer(app) as server:
        provider.url = str(server.make_url("/"))
        yield provider


@asynccontextmanager
async def careful_calls(
    redis_url: str,
    *,
    limits: str = "",
    usd: float = 10.0,
    kept_h: float = 24.0,
    spent_on: SpentOnDay = lambda _day: {},
    clock: Callable[[], float] = time,
) -> AsyncIterator[Calls]:
    policies = read_policies(f"{LIMITS},{limits}")
    async with open_lookup_redis(redis_url, timeout_s=5.0) as redis:
        budget = DailyBudget(redis, policies, most_usd=usd, spent_on=spent_on)
        calls = Calls(policies, answers=AnswerCache(redis, longest_h=kept_h, clock=clock), budget=budget)
        async with aclosing(calls):
            yield calls


def good(document: object = "an answer", *, after_s: float = 0.0) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        await asyncio.sleep(after_s)
        return web.json_response(document)

    return handler


def bad(status: int, said: str = "", headers: Mapping[str, str] | None = None) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"error": said}, status=status, headers=headers)

    return handler


def text(body: str) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    return handler


async def silence(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError


def judge(reply: Reply) -> Any:
    """Of one who says plainly what is the matter."""
    said = reply.document.get("error") if isinstance(reply.document, dict) else None
    if said == "out of credit":
        raise OutOfCredit
    if reply.status == 429:
        raise ProviderThrottled
    if reply.status in {401, 403}:
        raise KeyRefused
    if reply.status >= 500:
        raise ProviderDown
    if reply.status >= 400:
        raise QuestionRefused
    if reply.document is None:
        raise ProviderBroken
    return reply.document


async def ask(calls: Calls, question: Question, asked: Asked = ASKED) -> Told:
    return await calls.ask(question, judge, asked=asked)


def micros(usd: float) -> int:
    return round(usd * 1_000_000)


def paid(calls: int = 1) -> Bill:
    return Bill(calls=calls, cost_micros=micros(PRICE))
