"""The filters that browsing and every kind of search share, as query parameters."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator

from veilgate.domain.filenames import LONGEST_FILENAME
from veilgate.domain.ids import is_id
from veilgate.domain.search import ImageFilters
from veilgate.domain.times import epoch_ms_of

_MOST_TAGS = 10
_LONGEST_TAG = 80


def _is_time(text: str) -> str:
    epoch_ms_of(text)
    return text


def _are_tags(tags: list[str]) -> list[str]:
    if not all(0 < len(tag) <= _LONGEST_TAG for tag in tags):
        raise ValueError(f"a tag has 1 to {_LONGEST_TAG} characters")
    return tags


def _is_batch(text: str) -> str:
    if not is_id(text):
        raise ValueError("is not the id of a batch")
    return text


_Tag = Annotated[
    list[str],
    AfterValidator(_are_tags),
    Query(max_length=_MOST_TAGS, description="Only images with this tag; given again, with all of them."),
]
_Vehicle = Annotated[
    str | None,
    Query(min_length=1, max_length=_LONGEST_TAG, description="Only images with such a vehicle, as `car`."),
]
_Since = Annotated[
    str | None,
    AfterValidator(lambda text: text and _is_time(text)),
    Query(description="Only images accepted at or after this: Unix seconds or ISO 8601."),
]
_Before = Annotated[
    str | None,
    AfterValidator(lambda text: text and _is_time(text)),
    Query(description="Only images accepted before this: Unix seconds or ISO 8601."),
]
_Batch = Annotated[
    str | None,
    AfterValidator(lambda text: text and _is_batch(text)),
    Query(description="Only images of this batch."),
]
_Filename = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=LONGEST_FILENAME + 1,
        description="Only images of this file name; with a `*` at the end, of names that begin so.",
    ),
]


async def filters_of(
    tag: _Tag = [],  # noqa: B006 - FastAPI reads it and makes each request its own
    vehicle: _Vehicle = None,
    *,
    since: _Since = None,
    before: _Before = None,
    batch: _Batch = None,
    filename: _Filename = None,
) -> ImageFilters:
    return ImageFilters(
        tags=tuple(dict.fromkeys(tag)),
        vehicle=vehicle,
        since_ms=epoch_ms_of(since) if since else None,
        before_ms=epoch_ms_of(before) if before else None,
        batch_id=batch,
        filename=filename,
    )


Filters = Annotated[ImageFilters, Depends(filters_of)]
