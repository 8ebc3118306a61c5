"""The tree machinery: producers hang off producers, written down as they read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from veilgate.domain.outcomes import NOT_ASKED, Outcome, OutcomeKind
from veilgate.stages.contract import BatchStage, PictureWork

Condition = Callable[[PictureWork], bool]


@dataclass(frozen=True, eq=False)
class Node:
    """A stage in its place. It starts when all `inputs` have spoken, and is skipped unless all it `requires`
    produced something. If an `essential` stage fails, the job fails. A stage that a picture does not ask
    for (`when`) is no part of that picture's pipeline: nobody misses it and nothing is said of it."""

    stage: BatchStage
    inputs: tuple["Node", ...]
    requires: tuple["Node", ...]
    essential: bool
    when: Condition | None = None

    @property
    def name(self) -> str:
        return self.stage.name

    def then(self, stage: BatchStage, *, essential: bool = False, when: Condition | None = None) -> "Node":
        return Node(stage, (self,), (self,), essential, when)

    def is_asked_for(self, work: PictureWork) -> bool:
        return self.when is None or self.when(work)

    def missing(self, outcomes: dict["Node", Outcome]) -> str | None:
        """The name of a required stage that produced nothing, if any."""
        for node in self.requires:
            outcome = outcomes[node]
            if outcome.kind is not OutcomeKind.PRODUCED and outcome.reason != NOT_ASKED:
                return node.name
        return None


@dataclass(frozen=True)
class Joint:
    """Several producers whose products go on together."""

    nodes: tuple[Node, ...]

    def then(self, stage: BatchStage, *, requires: Node | None = None, essential: bool = False) -> Node:
        """A stage that starts when all have spoken, and needs all, or only the one that it `requires`."""
        return Node(stage, self.nodes, self.nodes if requires is None else (requires,), essential)


def begin(stage: BatchStage, *, essential: bool = False) -> Node:
    return Node(stage, (), (), essential)


def join(*nodes: Node) -> Joint:
    return Joint(nodes)


class Pipeline:
    """All nodes above the given ends, producers first."""

    def __init__(self, *ends: Node) -> None:
        self.nodes: tuple[Node, ...] = tuple(dict.fromkeys(node for end in ends for node in _upstream(end)))
        names = [node.name for node in self.nodes]
        if len(set(names)) != len(names):
            raise ValueError(f"two stages share a name: {names}")


def _upstream(node: Node) -> Iterator[Node]:
    for producer in node.inputs:
        yield from _upstream(producer)
    yield node
