"""Reads pages of the web: only where robots may, few at a time, and never where a caller could not go."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from veilgate.domain.errors import QueueFull
from veilgate.domain.provider_errors import PageUnreadable
from veilgate.domain.rejections import InputRejected
from veilgate.domain.web_pages import WebPage
from veilgate.lookups.pages.host_turns import HostTurns
from veilgate.lookups.pages.html_text import html_text
from veilgate.lookups.pages.product_markup import read_page
from veilgate.lookups.pages.robots import Robots
from veilgate.lookups.safe_fetch import PageAnswer, SafeFetch

_MAX_BYTES = 3 * 1024 * 1024
_MEDIA_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_MOST_REDIRECTS = 3
_THREADS = 2


class WebPageReader:
    """A `PageReader` of one event loop. `patience_s` is for all that a page takes, turns at its host too.

    What strangers wrote is read in threads of its own, which end with it: one that takes long, given up or
    not, must not hold those that pictures are fetched in."""

    def __init__(self, fetch: SafeFetch, *, patience_s: float = 15.0) -> None:
        self._fetch = fetch
        self._patience_s = patience_s
        self._turns = HostTurns()
        self._threads = ThreadPoolExecutor(_THREADS, "pages")
        self._robots = Robots(fetch, self._turns, self._threads)

    async def read(self, url: str) -> WebPage:
        try:
            async with asyncio.timeout(self._patience_s):
                found_at, answer = await self._follow(url)
                # Three megabytes of tags take a second, in which nobody else's answer would be read.
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, _read, found_at, answer)
        except TimeoutError as error:
            raise PageUnreadable("The page took too long.") from error
        except (InputRejected, QueueFull) as error:
            raise PageUnreadable(str(error)) from error

    async def _follow(self, url: str) -> tuple[str, PageAnswer]:
        """Where the page is in the end, and the page. Each site on the way is asked whether robots may."""
        target = self._fetch.read_target(url)
        for _ in range(_MOST_REDIRECTS + 1):
            rules = await self._robots.rules_for(target)
            if not rules.allows(target.url):
                raise PageUnreadable("The site's robots.txt does not allow it to be read.")
            async with self._turns.turn(target.host, pause_s=rules.pause_s):
                answer = await self._fetch.get_page(target, max_bytes=_MAX_BYTES, media_types=_MEDIA_TYPES)
            if answer.onward is None:
                if answer.status != 200:
                    raise PageUnreadable(f"The server answered with status {answer.status}.")
                return target.url, answer
            target = answer.onward
        raise PageUnreadable(f"The address leads on more than {_MOST_REDIRECTS} times.")


def _read(url: str, answer: PageAnswer) -> WebPage:
    return read_page(url, html_text(answer.body, answer.content_type))
