"""Pages that several lookups want at a time, or one after the other."""

import asyncio

import pytest

from veilgate.domain.provider_errors import PageUnreadable
from veilgate.domain.web_pages import WebPage
from veilgate.lookups.pages.product_markup import read_page
from veilgate.lookups.pages.shared_pages import SharedPages


class Site:
    """Counts who asks; `fails` for as long as that is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = False

    async def read(self, url: str) -> WebPage:
        self.asked.append(url)
        await asyncio.sleep(0)
        if self.fails:
            raise PageUnreadable
        return read_page(url, "<title>Kestrel K2</title>")


def test_a_page_is_fetched_once_for_all_who_want_it_meanwhile_and_later() -> None:
    async def read_often() -> Site:
        site = Site()
        pages = SharedPages(site)
        read = await asyncio.gather(*(pages.read("https://acme.example/k2") for _ in range(60)))
        assert [await pages.read("https://acme.example/k2")] * 60 == read
        return site

    assert asyncio.run(read_often()).asked == ["https://acme.example/k2"]


def test_it_is_fetched_anew_when_its_time_is_over() -> None:
    async def read_twice() -> Site:
        site = Site()
        pages = SharedPages(site, kept_s=0)
        await pages.read("https://acme.example/k2")
        await pages.read("https://acme.example/k2")
        return site

    assert len(asyncio.run(read_twice()).asked) == 2


def test_what_could_not_be_read_is_tried_again() -> None:
    async def read_broken() -> Site:
        site = Site()
        site.fails = True
        pages = SharedPages(site)
        with pytest.raises(PageUnreadable):
            await pages.read("https://acme.example/k2")
        site.fails = False
        await pages.read("https://acme.example/k2")
        return site

    assert len(asyncio.run(read_broken()).asked) == 2


def test_few_pages_are_kept() -> None:
    async def read_many() -> Site:
        site = Site()
        pages = SharedPages(site)
        for number in range(100):
            await pages.read(f"https://acme.example/{number}")
        await pages.read("https://acme.example/99")
        await pages.read("https://acme.example/0")
        return site

    assert asyncio.run(read_many()).asked[100:] == ["https://acme.example/0"]
