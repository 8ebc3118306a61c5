"""The shapes of answers about images, as /docs shows them."""

from typing import Any, Literal

from pydantic import BaseModel

from veilgate.api.schemas.answers import ErrorNote, NearDuplicate
from veilgate.api.schemas.lookups import LookupResults
from veilgate.domain.notes import LONGEST_DESCRIPTION, LONGEST_TAG, MOST_TAGS

NOTES: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "description": {"type": ["string", "null"], "maxLength": LONGEST_DESCRIPTION},
        "tags": {
            "type": ["array", "null"],
            "maxItems": MOST_TAGS,
            "items": {"type": "string", "maxLength": LONGEST_TAG},
        },
    },
}


class ImageTag(BaseModel):
    """`source`: `detected` by a model, `tagged` by the owner, or a provider; `count` how many there are."""

    tag: str
    source: str
    count: int


class ListedImage(BaseModel):
    """`status` is that of the newest job that veils the image. Links to veiled pictures are there once there
    is a result, and then change with it."""

    image_id: str
    filename: str
    file_size: int
    format: str
    width: int
    height: int
    created_at: int
    status: Literal["submitted", "processing", "completed", "failed", "cancelled"]
    tags: list[ImageTag]
    description: str | None
    near_duplicate_of: NearDuplicate | None
    processed_url: str | None
    thumbnail_urls: dict[str, str]
    original_url: str | None


class ImagesAnswer(BaseModel):
    """The newest first. `next` is the cursor of the following page, or null."""

    images: list[ListedImage]
    next: str | None


class ImageJob(BaseModel):
    job_id: str
    kind: str
    status: str
    created_at: int
    updated_at: int
    error: ErrorNote | None


class ImageAnswer(ListedImage):
    """`jobs` in the order in which they were asked for; the result of `shown_job_id` is what is shown.
    `lookup_job_id` is the lookup that was asked for last, `lookup` what the last one that completed found."""

    sha256: str
    updated_at: int
    original_dropped_at: int | None
    duplicate_group: str | None
    shown_job_id: str | None
    lookup_job_id: str | None
    lookup: LookupResults | None
    jobs: list[ImageJob]


class WordMatch(BaseModel):
    """A word that was asked for, and the word of the image that it was found by: the same (`exact`), one of
    it or many (`number`), longer (`prefix`), of like meaning (`synonym`) or like spelling (`typo`)."""

    word: str
    found: str
    kind: Literal["exact", "number", "prefix", "synonym", "typo"]
    sources: list[str]


class FoundImage(ListedImage):
    """`score`: 1 when all words were found as they are in a tag; less for fewer words and weaker finds."""

    score: float
    matches: list[WordMatch]


class ExpandedWord(BaseModel):
    """What else was looked for: of these words only those that are among the owner's own."""

    word: str
    number: list[str]
    prefix: list[str]
    synonym: list[str]
    typo: list[str]


class TextSearchAnswer(BaseModel):
    """`exact`: every image with one of the words was ranked; `approximate`: of images that have only words
    which very many have, the newest. `synonyms` says where words of like meaning came from: `built-in`, or
    the id of a model."""

    hits: list[FoundImage]
    exactness: Literal["exact", "approximate"]
    words: list[ExpandedWord]
    synonyms: str
    next: str | None
