"""The shape every stage has, and the work that is handed to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar

from veilgate.domain.options import UploadOptions
from veilgate.domain.outcomes import Outcome
from veilgate.domain.pictures import PictureHeader

T = TypeVar("T")


class RunsOn(StrEnum):
    """Where a stage's time goes.

    `CHILDREN` stages wait for a killable child process, one thread for each child; `DEVICE` stages take turns
    in chunks; `CPU` stages run side by side.
    """

    CHILDREN = "children"
    DEVICE = "device"
    CPU = "cpu"


@dataclass(slots=True)
class PictureWork:
    """One picture on its way through the pipeline, within one claim of its job.

    Stages read what earlier stages made with `work[Type]`; only the engine adds to `products`.
    """

    job_id: str
    image_id: str
    fence: int
    original_key: str
    sha256: str
    header: PictureHeader
    options: UploadOptions
    owner_id: str = ""
    filename: str = ""
    attempts: int = 0
    queued_ms: int = 0
    since_asked_ms: int = 0
    correlation_id: str | None = None
    products: dict[type, object] = field(default_factory=dict)

    def __getitem__(self, kind: type[T]) -> T:
        product = self.products[kind]
        assert isinstance(product, kind)
        return product

    def get(self, kind: type[T]) -> T | None:
        product = self.products.get(kind)
        return product if isinstance(product, kind) else None


class BatchStage(Protocol):
    """A stage that takes many pictures at once.

    `run` returns one outcome per work, in order. It may raise: then the engine splits the chunk until the
    guilty picture is alone, so a stage need not guard its pictures from each other.
    """

    @property
    def name(self) -> str: ...

    @property
    def runs_on(self) -> RunsOn: ...

    def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:
        """The size of what a device would look at: only equal ones share a chunk, bounded by their pixels."""
        ...

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]: ...
