"""What an owner says of an image: a description, and tags."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from veilgate.domain.rejections import InvalidOption, UnknownField

LONGEST_DESCRIPTION = 2_000
LONGEST_TAG = 80
MOST_TAGS = 50
# Controls but for tabs and line feeds, surrogates, and what turns the direction of writing.
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True)
class Notes:
    """`given` names what is to change: the rest stays as it is. No description and no tags are said by None
    and by an empty list."""

    given: frozenset[str]
    description: str | None = None
    tags: tuple[str, ...] = ()

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "Notes":
        """Raises `UnknownField` or `InvalidOption`."""
        for name in given:
            if name not in {"description", "tags"}:
                raise UnknownField(f"Unknown member {name[:60]!r}; known are: description, tags.")
        return cls(frozenset(given), _description(given.get("description")), _tags(given.get("tags")))


def _description(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidOption("description: a text or null is needed.")
    text = _UNPRINTABLE.sub("", value.replace("\r\n", "\n")).strip()
    if len(text) > LONGEST_DESCRIPTION:
        raise InvalidOption(f"description: at most {LONGEST_DESCRIPTION} characters are taken.")
    return text or None


def _tags(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise InvalidOption("tags: a list of texts or null is needed.")
    tags = tuple(dict.fromkeys(" ".join(_UNPRINTABLE.sub("", tag).split()) for tag in value))
    if not all(0 < len(tag) <= LONGEST_TAG for tag in tags):
        raise InvalidOption(f"tags: each has 1 to {LONGEST_TAG} characters.")
    if len(tags) > MOST_TAGS:
        raise InvalidOption(f"tags: at most {MOST_TAGS} are taken.")
    return tags
