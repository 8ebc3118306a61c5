"""The tree machinery: producers hang off producers, written down as they read."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from veilgate.domain.errors import VeilgateError
from veilgate.domain.outcomes import NOT_ASKED, Outcome, OutcomeKind


class NamedStage(Protocol):
    """What all stages have, whatever they work on; an engine asks more of its own."""

    @property
    def name(self) -> str: ...


S = TypeVar("S", bound=NamedStage)
S_co = TypeVar("S_co", bound=NamedStage, covariant=True)
# Whether the work at hand asks for a stage.
Condition = Callable[[Any], bool]


@dataclass(frozen=True, eq=False)
class Patience:
    """How long a stage waits for stragglers among its inputs, once one of these has produced something."""

    lasts_s: float
    once: tuple["Node[Any]", ...]


@dataclass(frozen=True, eq=False)
class Node(Generic[S_co]):
    """A stage in its place. It starts when all `inputs` have spoken, and is skipped unless all it `requires`
    produced something. If an `essential` stage fails, the job fails. A stage that a picture does not ask
    for (`when`) is no part of that picture's pipeline: nobody misses it and nothing is said of it. One whose
    `patience` has ended, where an engine keeps to that, starts when all that it `requires` have spoken."""

    stage: S_co
    inputs: tuple["Node[Any]", ...]
    requires: tuple["Node[Any]", ...]
    essential: bool
    when: Condition | None = None
    patience: Patience | None = None

    @property
    def name(self) -> str:
        return self.stage.name

    def then(self, stage: S, *, essential: bool = False, when: Condition | None = None) -> "Node[S]":
        return Node(stage, (self,), (self,), essential, when)

    def is_asked_for(self, work: object) -> bool:
        return self.when is None or self.when(work)

    def missing(self, outcomes: Mapping["Node[Any]", Outcome]) -> str | None:
        """The name of a required stage that produced nothing, if any."""
        for node in self.requires:
            outcome = outcomes[node]
            if outcome.kind is not OutcomeKind.PRODUCED and outcome.reason != NOT_ASKED:
                return node.name
        return None


@dataclass(frozen=True)
class Joint:
    """Several producers whose products go on together."""

    nodes: tuple[Node[Any], ...]

    def then(
        self,
        stage: S,
        *,
        requires: Node[Any] | None = None,
        essential: bool = False,
        patience: Patience | None = None,
    ) -> Node[S]:
        """A stage that starts when all have spoken, and needs all, or only the one that it `requires`."""
        required = self.nodes if requires is None else (requires,)
        return Node(stage, self.nodes, required, essential, patience=patience)


def begin(stage: S, *, essential: bool = False) -> Node[S]:
    return Node(stage, (), (), essential)


def join(*nodes: Node[Any]) -> Joint:
    return Joint(nodes)


class Pipeline(Generic[S_co]):
    """All nodes above the given ends, producers first."""

    def __init__(self, *ends: Node[S_co]) -> None:
        self.nodes: tuple[Node[S_co], ...] = tuple(
            dict.fromkeys(node for end in ends for node in _upstream(end))
        )
        names = [node.name for node in self.nodes]
        if len(set(names)) != len(names):
            raise ValueError(f"two stages share a name: {names}")

    def next_nodes(
        self,
        work: object,
        outcomes: Mapping[Node[Any], Outcome],
        started: Collection[Node[Any]],
        *,
        impatient: Collection[Node[Any]] = (),
    ) -> tuple[list[Node[S_co]], list[tuple[Node[S_co], Outcome]]]:
        """The nodes that can start now, and those that are skipped, each with what is said of it.
        `impatient` are those whose patience has ended."""
        ready, skipped = [], []
        for node in self.nodes:
            if node in started or node in outcomes:
                continue
            awaited = node.requires if node in impatient else node.inputs
            if any(producer not in outcomes for producer in awaited):
                continue
            if not node.is_asked_for(work):
                skipped.append((node, Outcome.skipped(NOT_ASKED)))
                continue
            missing = node.missing(outcomes)
            if missing is None:
                ready.append(node)
            else:
                skipped.append((node, Outcome.skipped(f"needs {missing}")))
        return ready, skipped


def essential_error(outcomes: Mapping[Node[Any], Outcome]) -> VeilgateError | None:
    """The error of the first essential stage to fail."""
    for node, outcome in outcomes.items():
        if node.essential and outcome.kind is OutcomeKind.FAILED:
            return outcome.error
    return None


def _upstream(node: Node[Any]) -> Iterator[Node[Any]]:
    for producer in node.inputs:
        yield from _upstream(producer)
    yield node
