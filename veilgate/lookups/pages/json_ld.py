"""Blocks of JSON-LD as nodes, references between them resolved. One bad block loses nothing but itself."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from veilgate.lookups.pages.steps import Steps

Node = dict[str, Any]

# What pages wrap around it, and leave behind it.
_WRAPPING = re.compile(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/)")
_END_OF_WRAPPING = re.compile(r"(?:-->|//\s*\]\]>|\]\]>|/\*\s*\]\]>\s*\*/|;)\Z")
_MOST_WRAPPINGS = 3
_DEEPEST = 12
_MOST_NODES = 3000
_MOST_TYPES, _LONGEST_TYPE = 10, 100


def nodes_in(blocks: Iterable[str]) -> list[Node]:
    """The outermost nodes of all blocks, those in `@graph` and in lists singly."""
    found = (node for block in blocks for node in _outermost(_parsed(block), 0))
    return list(islice(found, _MOST_NODES))


class Graph:
    """Nodes that refer to one another by `@id`, in whatever block they are. Whoever follows takes `steps`."""

    def __init__(self, nodes: list[Node], steps: Steps) -> None:
        self._steps = steps
        self._by_id: dict[str, Node] = {}
        for node in all_within(nodes):
            name = node.get("@id")
            # A node that says no more than its name refers to one.
            if isinstance(name, str) and len(node) > 1:
                self._by_id.setdefault(name, node)

    def resolved(self, value: Any) -> Any:
        """The node that is meant by one that only names it; everything else as it is."""
        is_reference = isinstance(value, dict) and len(value) <= 2 and set(value) <= {"@id", "@type"}
        if is_reference and isinstance(value.get("@id"), str):
            return self._by_id.get(value["@id"], value)
        return value

    def listed(self, value: Any) -> Iterator[Any]:
        """What there is of it, one or many, resolved, for as long as steps are left."""
        if value is None:
            return iter(())
        return map(self.resolved, self._steps.through(value if isinstance(value, list) else [value]))

    def nodes(self, value: Any) -> Iterator[Node]:
        """Those that are listed and say something."""
        return (one for one in self.listed(value) if isinstance(one, dict))


def types_of(node: Node) -> set[str]:
    """`Product` of "Product", ["Thing", "Product"] and "http://schema.org/Product"."""
    said = node.get("@type")
    listed = said[:_MOST_TYPES] if isinstance(said, list) else [said]
    return {re.split(r"[/#:]", one[-_LONGEST_TYPE:])[-1] for one in listed if isinstance(one, str)}


def _parsed(block: str) -> Any:
    bare = _WRAPPING.sub("", block)
    for _ in range(_MOST_WRAPPINGS):
        bare = _END_OF_WRAPPING.sub("", bare.rstrip())
    try:
        # Line ends within texts are met; NaN and Infinity are no numbers.
        return json.loads(bare, strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _outermost(value: Any, depth: int) -> Iterator[Node]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for one in value:
            yield from _outermost(one, depth + 1)
    elif isinstance(value, dict):
        graph = value.get("@graph")
        if isinstance(graph, list | dict):
            yield from _outermost(graph, depth + 1)
        if set(value) - {"@graph", "@context", "@id"}:
            yield value


def all_within(nodes: list[Node]) -> Iterator[Node]:
    """Nodes and the nodes in them, as deep and as many as any page has."""
    waiting: list[tuple[Any, int]] = [(node, 0) for node in reversed(nodes)]
    given = 0
    while waiting and given < _MOST_NODES:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            given += 1
            yield value
        if depth < _DEEPEST and isinstance(value, dict | list):
            inner = list(value.values() if isinstance(value, dict) else value)[:_MOST_NODES]
            waiting.extend((one, depth + 1) for one in reversed(inner) if isinstance(one, dict | list))
