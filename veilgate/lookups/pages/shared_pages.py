"""Pages that several lookups want: fetched once, and kept for a while."""

import asyncio
from collections import OrderedDict
from typing import NamedTuple

from veilgate.domain.web_pages import WebPage
from veilgate.lookups.ports import PageReader
from veilgate.lookups.single_flight import SingleFlight

_MOST_PAGES = 64


class _Kept(NamedTuple):
    page: WebPage
    until_s: float


class SharedPages:
    """A `PageReader` of one event loop over another. Sixty pictures of one product would ask its maker sixty
    times, a few at a time: 35 s for what took 4 s. What could not be read is not remembered."""

    def __init__(self, reader: PageReader, *, kept_s: float = 300.0) -> None:
        self._reader = reader
        self._kept_s = kept_s
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._under_way: SingleFlight[WebPage] = SingleFlight()

    async def read(self, url: str) -> WebPage:
        now_s = asyncio.get_running_loop().time()
        kept = self._kept.get(url)
        if kept is not None and now_s < kept.until_s:
            return kept.page
        page, is_first = await self._under_way.join(url, lambda: self._reader.read(url))
        if is_first:
            self._keep(url, _Kept(page, now_s + self._kept_s))
        return page

    def _keep(self, url: str, kept: _Kept) -> None:
        self._kept[url] = kept
        self._kept.move_to_end(url)
        while len(self._kept) > _MOST_PAGES:
            self._kept.popitem(last=False)
