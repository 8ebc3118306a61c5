"""eBay, asked by text: what is offered used under a product's name."""

import hashlib
import re
from itertools import islice

from veilgate.domain.lookups import Asked, Finding
from veilgate.lookups.ports import Answered
from veilgate.lookups.providers.ebay import Ebay, Search, offers_in
from veilgate.lookups.providers.json_reading import MOST_ROWS

NAME = "ebay_search"
# Without the first only what has a fixed price is found; new ones are found at shops.
_FILTER = "buyingOptions:{AUCTION|FIXED_PRICE},conditions:{USED}"
_LONGEST_QUERY = 100
# With these one can say "or" and "not", which no name of a product means.
_OPERATORS = re.compile(r'[(),"*]|(?<!\S)-+')


class EbaySearch:
    name = NAME

    def __init__(self, ebay: Ebay) -> None:
        self._ebay = ebay

    async def ask(self, text: str, *, asked: Asked) -> Answered:
        words = _words(text)
        search = Search(
            NAME,
            "search",
            hashlib.sha256(words.encode()).hexdigest(),
            wanted={"filter": _FILTER},
            subject={"q": words},
        )
        told = await self._ebay.search(search, asked=asked)
        return Answered(Finding(NAME, offers=tuple(islice(offers_in(told), MOST_ROWS))), told.bill)


def _words(text: str) -> str:
    """Whole words, as many as may be asked for."""
    words = ""
    for word in _OPERATORS.sub(" ", text).split():
        if len(words) + 1 + len(word) > _LONGEST_QUERY:
            break
        words = f"{words} {word}".strip()
    return words
