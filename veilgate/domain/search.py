"""Words for finding images again."""

from dataclasses import dataclass
from enum import StrEnum


class IndexOperation(StrEnum):
    """What the index log says happened to an image's embedding by one model."""

    ADD = "add"
    REMOVE = "remove"
    # Its likest earlier image is gone: look for another.
    JUDGE = "judge"


class IndexModelState(StrEnum):
    SERVING = "serving"
    BUILDING = "building"


class Exactness(StrEnum):
    """Whether every candidate was compared, or only those that an approximate index came up with."""

    EXACT = "exact"
    APPROXIMATE = "approximate"


class TermSource(StrEnum):
    """Where a word that an image is found by comes from; lookups add their providers' names."""

    FILENAME = "filename"
    DETECTED = "detected"
    DESCRIBED = "described"
    TAGGED = "tagged"


@dataclass(frozen=True, slots=True)
class Hit:
    """`score` is the cosine of the angle between the two vectors, `seq` when the image was added."""

    image_id: str
    score: float
    seq: int


@dataclass(frozen=True, slots=True)
class ImageFilters:
    """Which images a caller wants to hear of; what is not given does not matter.

    An image must have all `tags`, from whatever source; `vehicle` is a class that the vehicle model found.
    Times are milliseconds since 1970: accepted at or after `since_ms`, before `before_ms`.
    """

    tags: tuple[str, ...] = ()
    vehicle: str | None = None
    since_ms: int | None = None
    before_ms: int | None = None
    batch_id: str | None = None
    filename: str | None = None

    @property
    def is_empty(self) -> bool:
        return self == ImageFilters()
