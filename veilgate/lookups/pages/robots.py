"""What sites allow robots to read, asked once a day."""

import asyncio
from collections import OrderedDict
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from veilgate.domain.fetch_targets import FetchTarget
from veilgate.domain.rejections import InputRejected
from veilgate.lookups.pages.host_turns import HostTurns
from veilgate.lookups.safe_fetch import PageAnswer, SafeFetch

if TYPE_CHECKING:
    from protego import Protego

# What a robots.txt calls us.
OUR_NAME = "Veilgate"
_KEPT_S = 24 * 3600.0
# A site that was down is asked again soon.
_FAILURE_KEPT_S = 300.0
# Less than a page may take altogether, so that who hangs is known for it and not waited for again.
_PATIENCE_S = 6.0
_MAX_BYTES = 512 * 1024
_MOST_REDIRECTS = 5
_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0
# Of all files together; parsed ones take about ten times as much.
_MOST_KEPT_BYTES = 4 * 1024 * 1024
_MOST_KEPT = 2000


@dataclass(frozen=True, slots=True)
class SiteRules:
    """`parsed` is None where nothing or everything is forbidden: `otherwise` says which."""

    parsed: "Protego | None"
    otherwise: bool
    size_bytes: int
    until_s: float

    def allows(self, url: str) -> bool:
        return self.otherwise if self.parsed is None else bool(self.parsed.can_fetch(url, OUR_NAME))

    @property
    def pause_s(self) -> float:
        """How long to wait between two questions: what the site wants, within reason."""
        wanted = self.parsed.crawl_delay(OUR_NAME) if self.parsed else None
        return min(max(float(wanted or 0), _PAUSE_S), _LONGEST_PAUSE_S)


class Robots:
    """Of one event loop. What sites say is read in `threads`."""

    def __init__(self, fetch: SafeFetch, turns: HostTurns, threads: Executor) -> None:
        self._fetch = fetch
        self._turns = turns
        self._threads = threads
        self._kept: OrderedDict[str, SiteRules] = OrderedDict()
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def rules_for(self, target: FetchTarget) -> SiteRules:
        """What holds for the target's site; nothing may be read where that cannot be known."""
        site = FetchTarget(target.scheme, target.host, target.port, "/robots.txt", target.address)
        lock = self._asking.setdefault(site.url, asyncio.Lock())
        async with lock:
            known = self._kept.get(site.url)
            if known is None or known.until_s < asyncio.get_running_loop().time():
                known = await self._ask(site)
                self._keep(site.url, known)
            self._kept.move_to_end(site.url)
            return known

    async def _ask(self, site: FetchTarget) -> SiteRules:
        now_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                answer = await self._follow(site)
        except (InputRejected, TimeoutError):
            return SiteRules(None, False, 0, now_s + _FAILURE_KEPT_S)
        if answer.status == 200:
            loop = asyncio.get_running_loop()
            parsed = await loop.run_in_executor(self._threads, _parse, answer.body)
            return SiteRules(parsed, True, len(answer.body), now_s + _KEPT_S)
        # Who has no robots.txt forbids nothing; who is overloaded or broken wants nobody just now.
        may_read = answer.status < 500 and answer.status != 429
        return SiteRules(None, may_read, 0, now_s + (_KEPT_S if may_read else _FAILURE_KEPT_S))

    async def _follow(self, site: FetchTarget) -> PageAnswer:
        target = site
        for _ in range(_MOST_REDIRECTS):
            async with self._turns.turn(target.host, pause_s=0):
                answer = await self._fetch.get_page(target, max_bytes=_MAX_BYTES)
            if answer.onward is None:
                return answer
            target = answer.onward
        return answer

    def _keep(self, site: str, rules: SiteRules) -> None:
        self._kept[site] = rules
        size_bytes = sum(one.size_bytes for one in self._kept.values())
        while len(self._kept) > 1 and (size_bytes > _MOST_KEPT_BYTES or len(self._kept) > _MOST_KEPT):
            _, oldest = self._kept.popitem(last=False)
            size_bytes -= oldest.size_bytes


def _parse(body: bytes) -> "Protego":
    from protego import Protego

    return Protego.parse(body.decode("utf-8-sig", "replace"))
