"""Reading pages as a guest: robots.txt first, few at a time, and what cannot be read is said to be so."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fixtures.odd_server import OddServer, head, whole
from tests.unit.lookups.fetching import LONGEST_S, Names, fetcher
from veilgate.domain.addresses import Reachable
from veilgate.domain.fetch_targets import FetchTarget
from veilgate.domain.provider_errors import PageUnreadable
from veilgate.domain.web_pages import WebPage
from veilgate.lookups.pages.host_turns import HostTurns
from veilgate.lookups.pages.page_reader import WebPageReader
from veilgate.lookups.safe_fetch import PageAnswer, SafeFetch

TYPED = "Content-Type: text/html; charset=utf-8"
PAGE = whole("<title>Kestrel K2</title>é".encode(), TYPED)


@pytest.fixture
def site(odd_server: OddServer) -> OddServer:
    odd_server.say("/k2", PAGE)
    return odd_server


def reader(site: OddServer, *, patience_s: float = 3.0) -> WebPageReader:
    fetch = fetcher(f"127.0.0.1:{site.port}", Names({"inside.test": [["10.0.0.1"]]}))
    return WebPageReader(fetch, patience_s=patience_s)


def read(site: OddServer, *paths: str) -> list[WebPage]:
    async def all_of_them() -> list[WebPage]:
        one = reader(site)
        return [await one.read(site.url(path)) for path in paths]

    return asyncio.run(all_of_them())


def asked(site: OddServer) -> list[str]:
    return [request.split(" ")[1] for request in site.heads]


def test_a_page_is_read_where_nobody_forbids_it(site: OddServer) -> None:
    (page,) = read(site, "/k2")
    assert (page.url, page.title) == (site.url("/k2"), "Kestrel K2")
    assert asked(site) == ["/robots.txt", "/k2"]


def test_robots_txt_is_kept_to_and_asked_for_once(site: OddServer) -> None:
    site.say("/robots.txt", whole(b"User-agent: *\nAllow: /\n\nUser-agent: veilgate\nDisallow: /private\n"))
    site.say("/private/k2", PAGE)

    async def both() -> None:
        one = reader(site)
        await asyncio.gather(*(one.read(site.url("/k2")) for _ in range(3)))
        with pytest.raises(PageUnreadable, match="robots"):
            await one.read(site.url("/private/k2"))

    asyncio.run(both())
    assert asked(site) == ["/robots.txt", "/k2", "/k2", "/k2"]


@pytest.mark.parametrize(
    ("answer", "may_read"),
    [
        (head("404 Not Found", "Content-Length: 0"), True),
        (head("403 Forbidden", "Content-Length: 0"), True),
        (head("503 Busy", "Content-Length: 0"), False),
        (head("429 Slow", "Content-Length: 0"), False),
        (b"nonsense", False),
        (whole(b"\xff\x00 not a robots.txt at all", "Content-Type: image/png"), True),
        (whole(b"x" * 600_000), False),
    ],
    ids=["none", "refused", "broken", "overloaded", "nonsense", "no rules", "without end"],
)
def test_a_robots_txt_that_cannot_be_had_forbids(site: OddServer, answer: bytes, may_read: bool) -> None:
    site.say("/robots.txt", answer)
    if may_read:
        assert len(read(site, "/k2")) == 1
    else:
        with pytest.raises(PageUnreadable, match="robots"):
            read(site, "/k2")
        assert "/k2" not in asked(site)


def test_redirects_are_followed_as_far_as_robots_may(site: OddServer) -> None:
    site.redirect("/old", "/k2")
    assert read(site, "/old")[0].url == site.url("/k2")
    site.redirect("/hidden", "/private/k2")
    site.say("/robots.txt", whole(b"User-agent: *\nDisallow: /private\n"))
    site.redirect("/round", "/round")
    for path, why in (("/hidden", "robots"), ("/round", "leads on")):
        with pytest.raises(PageUnreadable, match=why):
            read(site, path)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://inside.test/", "http://127.0.0.1:22/", "ftp://a.test/", "http://["]
)
def test_nothing_is_read_in_the_house(site: OddServer, url: str) -> None:
    with pytest.raises(PageUnreadable):
        asyncio.run(reader(site).read(url))


@pytest.mark.parametrize(
    "answer",
    [
        head("404 Not Found", "Content-Length: 0"),
        whole(b"PNG", "Content-Type: image/png"),
        whole(bytes(3 * 1024 * 1024 + 1), TYPED),
    ],
    ids=["gone", "a picture", "too large"],
)
def test_what_is_no_page_is_unreadable(site: OddServer, answer: bytes) -> None:
    site.say("/k2", answer)
    with pytest.raises(PageUnreadable):
        read(site, "/k2")


def test_a_site_that_hangs_is_given_up(site: OddServer) -> None:
    url = site.drip("/slow", b"x", pause_s=LONGEST_S)
    with pytest.raises(PageUnreadable, match="too long"):
        asyncio.run(reader(site, patience_s=0.3).read(url))


class LongPage(bytes):
    """One that takes as long to read as the test says."""

    may_end = threading.Event()

    def startswith(self, *_: Any) -> bool:
        return not self.may_end.wait(LONGEST_S)


class LongPages(SafeFetch):
    async def get_page(self, target: FetchTarget, **_: Any) -> PageAnswer:
        body = b"" if target.path == "/robots.txt" else LongPage(b"<title>K2</title>")
        return PageAnswer(200, "text/html", body)


def test_pages_that_take_long_hold_up_nobody_else() -> None:
    async def others_meanwhile() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        one = WebPageReader(LongPages(Reachable(), Names().resolve))
        pages = [asyncio.create_task(one.read(f"http://{host}.example/")) for host in "abc"]
        try:
            await asyncio.sleep(0.2)
            async with asyncio.timeout(LONGEST_S / 2):
                await asyncio.to_thread(time.monotonic)
        finally:
            LongPage.may_end.set()
        assert [page.title for page in await asyncio.gather(*pages)] == ["K2"] * 3

    asyncio.run(others_meanwhile())


def test_a_host_is_asked_by_two_at_a_time_with_a_pause_between() -> None:
    began: list[float] = []
    inside, most = 0, 0

    async def visit(turns: HostTurns) -> None:
        nonlocal inside, most
        async with turns.turn("acme.test", pause_s=0.05):
            began.append(time.monotonic())
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.12)
            inside -= 1

    async def visits() -> None:
        turns = HostTurns()
        await asyncio.gather(*(visit(turns) for _ in range(4)))

    asked_at = time.monotonic()
    asyncio.run(visits())
    assert most == 2
    # The loop's clock is a little coarser than that which is read here, and who is let in may be late for it.
    assert all(at - asked_at > 0.045 * earlier for earlier, at in enumerate(sorted(began)))
