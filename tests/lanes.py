"""The lanes: which tests share a pytest process when several run side by side, the longest first."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Lane:
    """Folders and files below tests/. What another lane names inside them is that lane's."""

    paths: tuple[str, ...]

    @property
    def name(self) -> str:
        first, *others = self.paths
        return f"{first} and {len(others)} more" if others else first

    def without(self, others: Collection["Lane"]) -> list[str]:
        """What lies inside this lane and is another's."""
        return [
            path for other in others for path in other.paths if any(_inside(path, own) for own in self.paths)
        ]


def _files(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/test_{name}.py" for name in names)


# As long as all the rest of the matrix.
_OTHER_FAULTS = (
    "erase_faults",
    "hangs_and_memory",
    "poison",
    "redis_wires",
    "search_faults",
    "worker_kills",
    "zombies",
)

LANES = (
    Lane(("integration/api",)),
    Lane(("faults",)),
    Lane(_files("faults", *_OTHER_FAULTS)),
    Lane(("integration/search", "integration/cli")),
    Lane(("integration",)),
    Lane(("torch",)),
    Lane(("e2e",)),
    Lane(("load", "images", "containers")),
    Lane(("unit",)),
    Lane(("unit/services", "unit/search")),
    Lane(("architecture", "kubernetes", "integration/monitoring", "unit/imaging", "unit/inference")),
)


def lanes_of(suites: Collection[str], lanes: Collection[Lane] = LANES) -> Iterator[Lane]:
    """The lanes of these suites, without what belongs to others."""
    for lane in lanes:
        paths = tuple(path for path in lane.paths if PurePosixPath(path).parts[0] in suites)
        if paths:
            yield Lane(paths)


def _inside(path: str, folder: str) -> bool:
    return path != folder and PurePosixPath(path).is_relative_to(folder)
