"""eBay, asked by picture: what looks like it and is for sale there now."""

import json
from base64 import b64encode
from itertools import islice

from veilgate.domain.lookups import Asked, Finding, ProductName, SentPicture
from veilgate.lookups.ports import Answered, MakeLink
from veilgate.lookups.providers.ebay import Ebay, Search, offers_in, rows_in
from veilgate.lookups.providers.json_reading import MOST_ROWS, text
from veilgate.lookups.providers.sureness import by_rank

NAME = "ebay_image"
# The others have no search by picture.
MARKETPLACES = frozenset({"EBAY_US", "EBAY_GB", "EBAY_DE", "EBAY_AU"})
_BEST_TITLE = 0.4
_NAMES = 10


class EbayImage:
    name = NAME
    needs_link = False

    def __init__(self, ebay: Ebay) -> None:
        self._ebay = ebay

    async def ask(self, picture: SentPicture, _link: MakeLink | None, *, asked: Asked) -> Answered:
        body = json.dumps({"image": b64encode(picture.data).decode()}).encode()
        search = Search(NAME, "search_by_image", picture.sha256, wanted={}, subject={}, body=body)
        told = await self._ebay.search(search, asked=asked)
        titles = (title for row in rows_in(told) if (title := text(row.get("title"))))
        names = tuple(
            ProductName(title, by_rank(_BEST_TITLE, rank))
            for rank, title in enumerate(islice(titles, _NAMES))
        )
        return Answered(
            Finding(NAME, names=names, offers=tuple(islice(offers_in(told), MOST_ROWS))), told.bill
        )
