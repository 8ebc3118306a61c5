"""Names of products as titles of pages and offers have them: cleaned, taken apart, and compared."""

import html
import re
from functools import lru_cache
from itertools import pairwise

from veilgate.domain.words import words_of

LONGEST_NAME = 120
_MARKUP = re.compile(r"<[^<>]{0,200}>")
# Between a title and the name of the shop, with space around; a hyphen inside a name has none.
_PARTS = re.compile(r"\s+[|–—·•»:-]+\s+|\s*\|\s*|:\s+")
_SHOP = re.compile(
    r"(?:www\.)?(?:[\w-]+\.)+[a-z]{2,}|(?:amazon|ebay|etsy|walmart|aliexpress|alibaba|facebook|instagram|"
    r"pinterest|youtube|reddit|best buy|target|wikipedia|google|vinted|mercari|poshmark|kleinanzeigen|idealo|"
    r"newegg|flipkart|rakuten|allegro|otto|mediamarkt)\b.*|.*\b(?:store|shop|onlineshop|official site|home)",
    re.IGNORECASE,
)
# WH-1000XM4 and WH1000XM4 are one model, 3-in-1 stays what it is.
_HYPHEN_IN_MODEL = re.compile(r"(?<=[^\W_])[-‐‑](?=\d)|(?<=\d)[-‐‑](?=[^\W\d_]{1,4}\b)")
_NOISE_TEXT = """
    a an and at authentic best buy by cheap de der die das deal deals den discount du for fast free from
    für gebraucht genuine good great hot in kaufen la le les mint mit neu new nib nwt of offer official on
    online or original pour pre-owned preowned price prix rare refurbished sale shipping shop store review
    reviews the to und used very von vs with works working your
"""
NOISE = frozenset(_NOISE_TEXT.split())
# What is sold for a product and is none, unless the product's own name says so.
_ACCESSORIES_TEXT = """
    accessory accessories adapter battery batteries cable case charger compatible cover covers cushion
    cushions decal earpads empty film fits glass holder hülle ladegerät manual mount only pad pads part parts
    poster protector remote replacement schutzhülle screen screws skin spare stand sticker strap straps tasche
    toy kabel ersatz ersatzteil
"""
_ACCESSORIES = frozenset(_ACCESSORIES_TEXT.split())
# What comes after is thrown in, and is no reason to take the thing for an accessory.
_THROWN_IN = re.compile(r"(?:\b(?:with|incl|including|inkl|mit|avec)\b|\bw/|\+).*", re.IGNORECASE | re.DOTALL)
# A thing with one of them in its name is another one than that without.
_VARIANTS = frozenset({"air", "lite", "max", "mini", "plus", "pro", "se", "ultra", "xl"})
# From here on a title is taken to be about the product.
LEAST_FIT = 0.6


def cleaned_title(title: str) -> str:
    """A title without markup, and without the shop's name at its end or its beginning."""
    plain = " ".join(html.unescape(_MARKUP.sub("", html.unescape(title[:1000]))).split())
    parts = [part for part in (one.strip(" *.,;|:-") for one in _PARTS.split(plain)) if part]
    while len(parts) > 1 and _says_no_more(parts[-1], parts[:-1]):
        parts.pop()
    while len(parts) > 1 and _says_no_more(parts[0], parts[1:]):
        parts.pop(0)
    return " ".join(parts)[:LONGEST_NAME].strip()


# A lookup weighs its hundred titles against each other. Each was taken apart ten times, which was a third of
# what a lookup took of the processor.
@lru_cache(maxsize=2048)
def name_words(text: str) -> tuple[str, ...]:
    """The words that tell products apart, each once, without case and accents."""
    joined = _HYPHEN_IN_MODEL.sub("", text)
    return tuple(word for word in words_of(joined) if word not in NOISE)


def fit(title: str, product: str) -> float:
    """How well a title names the product, 0..1: 0 for an accessory, or for another model of the same make."""
    words = name_words(title)
    wanted, found = set(name_words(product)), set(words)
    # WH 1000XM4 is WH1000XM4.
    found |= {first + second for first, second in pairwise(words)}
    numbers = {word for word in wanted if any(letter.isdigit() for letter in word)}
    sold = set(name_words(_THROWN_IN.sub("", title)))
    if not wanted or (sold - wanted) & _ACCESSORIES or (sold ^ wanted) & _VARIANTS or numbers - found:
        return 0.0
    # What has digits tells models apart, and is worth as much as two other words.
    total = len(wanted) + len(numbers)
    held = len(wanted & found - numbers) + 2 * len(numbers)
    return held / total


def _says_no_more(part: str, others: list[str]) -> bool:
    """Whether this is a shop's name, or says again what the others say."""
    words = set(name_words(part))
    said = {word for other in others for word in name_words(other)}
    return bool(_SHOP.fullmatch(part)) or words <= said
