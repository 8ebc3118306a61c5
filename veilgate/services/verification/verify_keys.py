"""Object keys read back: whose file it is that lies in the store.

Exactly the shapes that the house writes are recognised. Whatever else lies there, an S3 console's empty
`original/` for one, is somebody's, but not ours to judge.
"""

import re
from datetime import date
from typing import NamedTuple

from veilgate.domain.ids import is_id
from veilgate.services.verification.verification import Finding

_ORIGINAL = re.compile(r"original/([0-9]{4})/([0-9]{2})/([0-9]{2})/([^/]+)")
_RESULT = re.compile(r"results/([^/]+)/(0|[1-9][0-9]{0,9})/(?:processed\.[a-z]+|thumbnail-[0-9]+\.jpg)")


class OriginalName(NamedTuple):
    """The day under which an original is filed, and the image that it is of."""

    day: date
    image_id: str


class ResultName(NamedTuple):
    """The job whose result a file is part of, and the fence of the claim that stored it."""

    job_id: str
    fence: int


def original_name(key: str) -> OriginalName | None:
    match = _ORIGINAL.fullmatch(key)
    if match is None or not is_id(match[4]):
        return None
    try:
        return OriginalName(date(int(match[1]), int(match[2]), int(match[3])), match[4])
    except ValueError:  # the 31st of February
        return None


def result_name(key: str) -> ResultName | None:
    match = _RESULT.fullmatch(key)
    return ResultName(match[1], int(match[2])) if match and is_id(match[1]) else None


def unknown_object(key: str) -> Finding:
    """`object_unknown`: a key of none of our shapes."""
    text = "this is no key that the house writes"
    return Finding("object_unknown", key, text, why_not="nobody here knows whose it is; look at it yourself")
