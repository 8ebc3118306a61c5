"""The shape of a lookup stage, and the work that is handed to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from veilgate.domain.lookups import Asked
from veilgate.domain.outcomes import Outcome

T = TypeVar("T")


@dataclass(slots=True)
class LookupWork:
    """One image whose subject is looked up, within one claim of its job.

    Stages read what earlier stages made; only the engine adds to `products`, by the name of the stage, in the
    order in which they came.
    """

    job_id: str
    image_id: str
    owner_id: str
    fence: int
    result_key: str
    attempts: int = 0
    queued_ms: int = 0
    since_asked_ms: int = 0
    correlation_id: str | None = None
    products: dict[str, object] = field(default_factory=dict)

    @property
    def asked(self) -> Asked:
        return Asked(self.owner_id, self.image_id)

    def get(self, kind: type[T]) -> T | None:
        """The product of this type that came first, if any stage made one."""
        return next(iter(self.every(kind)), None)

    def every(self, kind: type[T]) -> list[T]:
        return [product for product in self.products.values() if isinstance(product, kind)]


class LookupStage(Protocol):
    """A stage that takes one image and waits for others. It may raise: that is its failed outcome."""

    @property
    def name(self) -> str: ...

    async def run(self, work: LookupWork) -> Outcome: ...


Condition = Callable[[LookupWork], bool]
