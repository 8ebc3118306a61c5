"""The shapes of answers about likeness, as /docs shows them."""

from typing import Literal

from pydantic import BaseModel

from veilgate.api.schemas.answers import NearDuplicate


class ImageLinks(BaseModel):
    processed_url: str | None
    thumbnail_urls: dict[str, str]
    original_url: str | None


class SimilarImage(ImageLinks):
    """`score`: 1 is the same to the model's eyes, 0 has nothing in common."""

    image_id: str
    score: float
    filename: str
    file_size: int
    created_at: int


class SimilarAnswer(BaseModel):
    """Likest first. `exact`: every candidate was compared; `approximate`: those that the index came up with.
    `candidates`: how many images were in question. `next` is the cursor of the following page, or null."""

    model: str
    exactness: Literal["exact", "approximate"]
    candidates: int
    hits: list[SimilarImage]
    next: str | None


class DuplicateImage(ImageLinks):
    """The first of a group is nobody's near-duplicate."""

    image_id: str
    filename: str
    file_size: int
    created_at: int
    near_duplicate_of: NearDuplicate | None


class DuplicateGroup(BaseModel):
    """`images` are the earliest; `more` says how many there are beside them."""

    group_id: str
    count: int
    images: list[DuplicateImage]
    more: int


class DuplicatesAnswer(BaseModel):
    groups: list[DuplicateGroup]
    next: str | None
