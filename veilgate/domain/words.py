"""Texts as the words that images are found by."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

LONGEST_WORD = 40
# As many of one file name, label or description are kept.
MOST_WORDS = 400
_WORD = re.compile(r"[^\W_]+")
_PICTURE_SUFFIX = re.compile(r"\.(?:jpe?g|png|webp|gif|tiff?|bmp|hei[cf]|avif)\b", re.IGNORECASE)
# Of a letter alone, or a digit, as a part of a word, too much would be found.
_SHORTEST_PART = 2


def words_of(text: str) -> list[str]:
    """The words of a text, each once, in order: without case and accents, cut to `LONGEST_WORD`; the suffix
    of a picture's file name is none."""
    found = (_plain(word) for word in _whole_words(text))
    return list(dict.fromkeys(word for word in found if word))


def findable_words(text: str) -> list[str]:
    """The words of a text, and the parts of those that are written together: `DSC0042` is also found by
    `dsc` and `0042`, `RedVan` by `red` and `van`."""
    found: dict[str, None] = {}
    for word in _whole_words(text):
        parts = [_plain(part) for part in _parts(word)]
        longer = [part for part in parts if len(part) >= _SHORTEST_PART] if len(parts) > 1 else []
        found |= dict.fromkeys(plain for plain in (_plain(word), *longer) if plain)
    return list(found)[:MOST_WORDS]


def words_of_labels(labels: Iterable[str]) -> list[str]:
    """What images with these tags are found by."""
    return list(dict.fromkeys(word for label in labels for word in findable_words(label)))


def _whole_words(text: str) -> list[str]:
    return _WORD.findall(_PICTURE_SUFFIX.sub(" ", unicodedata.normalize("NFC", text)))


def _plain(word: str) -> str:
    split = unicodedata.normalize("NFKD", word).casefold()
    bare = "".join(letter for letter in split if not unicodedata.combining(letter))
    # What stands for several letters may stand for none that are of words, as ½ for 1⁄2.
    return "".join(_WORD.findall(unicodedata.normalize("NFC", bare)))[:LONGEST_WORD]


def _parts(word: str) -> Iterator[str]:
    """Split where digits begin or end, and before a capital that begins a word."""
    start = 0
    for place in range(1, len(word)):
        before, here, after = word[place - 1], word[place], word[place + 1 : place + 2]
        digits = before.isdigit() != here.isdigit()
        capital = here.isupper() and (before.islower() or (before.isupper() and after.islower()))
        if digits or capital:
            yield word[start:place]
            start = place
    yield word[start:]
