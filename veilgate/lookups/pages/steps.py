"""How much of a page is looked at, all in all."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

# A product in a hundred variants, each with offers of its own, takes about 1,000.
_MOST_STEPS = 3000


class Steps:
    """Those that are left for one page, whoever walks. References lead many times to the same node, so that
    limits of single lists multiply: 29 KB of them took 2.8 GB and minutes."""

    def __init__(self) -> None:
        self._left = _MOST_STEPS

    def through(self, values: Iterable[T]) -> Iterator[T]:
        """The values, one a step, for as long as steps are left."""
        for value in values:
            if not self._left:
                return
            self._left -= 1
            yield value
