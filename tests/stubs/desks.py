"""One endpoint of a vendor: it answers as the real one, misbehaves when told, and remembers what came."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from aiohttp import web

_DRIP_PAUSE_S = 0.02
_HTML = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


class Trouble(StrEnum):
    """What may be wrong. The first group is known to every desk, of the others each knows some."""

    HANGS = "hangs"  # takes the request and never says a word
    RESETS = "resets"  # the connection is cut within the body
    DRIPS = "drips"  # the body comes a byte at a time, and never ends
    CUT_SHORT = "cut_short"  # a whole answer with half of the JSON in it
    HTML = "html"  # a page of some proxy, with status 200
    GARBLED = "garbled"  # no JSON, though it is called so
    STRANGE = "strange"  # JSON of a shape that nobody documented

    THROTTLED = "throttled"  # 429, "slow down"
    OUT_OF_CREDIT = "out_of_credit"  # the quota kind of 429, or what the vendor has in its place
    BROKEN = "broken"  # 500
    KEY_REFUSED = "key_refused"  # although it is the right one
    ERROR_INSIDE = "error_inside"  # status 200, and an error within
    EMPTY = "empty"  # success, and nothing found
    FILTER_IGNORED = "filter_ignored"  # eBay: a warning, and what was not asked for
    NOT_SUPPORTED = "not_supported"  # Azure: captions; a model: structured output
    REFUSES = "refuses"  # a model: will not say
    TOO_LONG = "too_long"  # a model: its answer is cut by its own limit
    FILTERED = "filtered"  # a model: its answer is held back
    FENCED = "fenced"  # a model: thinks aloud, and wraps its JSON in a fence


@dataclass
class Sent:
    """A request as it came, and what became of it: `status` is that of the answer, 0 if there was none (yet);
    `picture` is what the vendor had to look at; `was_wrong`: the real service would not have taken it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # with lower-case names
    body: bytes
    at_s: float
    picture: bytes | None = None
    status: int = 0
    was_wrong: bool = False

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Said:
    """An answer."""

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def in_json(status: int, document: object, **headers: str) -> Said:
    """Underscores in the names of headers stand for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(status, json.dumps(document).encode(), headers=named)


def page(html: str, *, status: int = 200, media_type: str = "text/html") -> Said:
    return Said(status, html.encode(), media_type)


class Refused(Exception):
    """The real service would not take this request."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.status, said.body)
        self.said = said


Answer = Callable[[Sent], Awaitable[Said]]
# What the vendor says in trouble. Where the request decides it is asked, and None leaves the answer as it is.
Troubles = Mapping[Trouble, Said | Callable[[Sent], Said | None]]


@dataclass(frozen=True, slots=True)
class _Mood:
    trouble: Trouble | None = None
    times: int | None = None
    retry_after: str | None = None


class Desk:
    """Served by the stubs' loop, told and looked at from anywhere. `latency_s` is before every answer."""

    def __init__(self, name: str, answer: Answer, troubles: Troubles) -> None:
        self.name = name
        self._answer, self._troubles = answer, troubles
        self._lock = threading.Lock()
        self._mood = _Mood()
        self.latency_s = 0.0
        self.received: list[Sent] = []
        self.under_way = self.most_under_way = 0

    def behave(
        self, trouble: Trouble | None = None, *, times: int | None = None, retry_after: str | None = None
    ) -> None:
        """From now on, for the next `times` requests that are right, or until told otherwise."""
        with self._lock:
            self._mood = _Mood(trouble, times, retry_after)

    def forget(self) -> None:
        with self._lock:
            self._mood = _Mood()
            self.latency_s = 0.0
            self.received = []
            self.most_under_way = self.under_way

    @property
    def calls(self) -> int:
        return len(self.received)

    @property
    def paid(self) -> int:
        """What a vendor would charge: it did the work, whether or not anybody stayed to hear."""
        return sum(sent.status == 200 for sent in self.received)

    @property
    def wrong(self) -> list[Sent]:
        """Requests that the real service would not have taken."""
        return [sent for sent in self.received if sent.was_wrong]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        sent = await _read(request)
        self.received.append(sent)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._reply(request, sent)
        finally:
            self.under_way -= 1

    async def _reply(self, request: web.Request, sent: Sent) -> web.StreamResponse:
        trouble, said = await self._decide(sent)
        if trouble is Trouble.HANGS:
            await asyncio.Event().wait()
        # The vendor has done its work, and charges for it, though it may come too late.
        sent.status = said.status
        await asyncio.sleep(self.latency_s)
        if trouble is Trouble.RESETS:
            return await _reset(request, said)
        if trouble is Trouble.DRIPS:
            return await _drip(request, said)
        headers = {"Content-Type": said.media_type, **said.headers}
        return web.Response(status=said.status, body=said.body, headers=headers)

    async def _decide(self, sent: Sent) -> tuple[Trouble | None, Said]:
        """Right requests alone meet trouble: whoever asks wrongly is to see that it did."""
        try:
            said = await self._answer(sent)
        except Refused as refused:
            sent.was_wrong = True
            return None, refused.said
        mood = self._next_mood()
        if mood.trouble is None:
            return None, said
        spoil = _ON_THE_WIRE.get(mood.trouble)
        other = spoil(said) if spoil else self._in(mood.trouble, sent) or said
        if mood.retry_after is not None:
            other = replace(other, headers={**other.headers, "Retry-After": mood.retry_after})
        return mood.trouble, other

    def _in(self, trouble: Trouble, sent: Sent) -> Said | None:
        known = self._troubles[trouble]
        return known if isinstance(known, Said) else known(sent)

    def _next_mood(self) -> _Mood:
        with self._lock:
            mood = self._mood
            if mood.trouble is None or mood.times is None:
                return mood
            if mood.times <= 0:
                self._mood = _Mood()
                return self._mood
            self._mood = _Mood(mood.trouble, mood.times - 1, mood.retry_after)
            return mood


async def _read(request: web.Request) -> Sent:
    return Sent(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
        at_s=time.monotonic(),
    )


async def _reset(request: web.Request, said: Said) -> web.StreamResponse:
    response = await _begin(request, said)
    await response.write(said.body[: len(said.body) // 2])
    assert request.transport
    request.transport.abort()
    return response


async def _drip(request: web.Request, said: Said) -> web.StreamResponse:
    response = await _begin(request, said, length=1 << 20)
    while True:
        await response.write(b" ")
        await asyncio.sleep(_DRIP_PAUSE_S)


async def _begin(request: web.Request, said: Said, *, length: int | None = None) -> web.StreamResponse:
    response = web.StreamResponse(
        status=said.status,
        headers={"Content-Type": said.media_type, "Content-Length": str(length or len(said.body))},
    )
    await response.prepare(request)
    return response


# What any server may do to any answer.
_ON_THE_WIRE: Mapping[Trouble, Callable[[Said], Said]] = {
    Trouble.CUT_SHORT: lambda said: replace(said, body=said.body[: len(said.body) // 2]),
    Trouble.HTML: lambda _said: page(_HTML),
    Trouble.GARBLED: lambda said: replace(said, body=b'{"ok": tru'),
    Trouble.STRANGE: lambda _said: in_json(200, ["what", {"ever": 1}]),
    Trouble.HANGS: lambda said: said,
    Trouble.RESETS: lambda said: said,
    Trouble.DRIPS: lambda said: said,
}
