"""What bench/likeness.py found of several embedders, side by side, as Markdown."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.tables import markdown_table, percent

Result = dict[str, Any]

_MEASURES = {"recall_at_1": "recall@1 %", "linked_strictly": "linked %"}
_FACTS: dict[str, Callable[[Result], str]] = {
    "numbers": lambda result: str(result["dimensions"]),
    "the threshold that links 1 % of strangers": lambda result: f"{result['strict']['threshold']:.3f}",
    "its own threshold": lambda result: f"{result['threshold']:.2f}",
    "there: copies linked %": lambda result: percent(result["whole"]["linked"]),
    "there: strangers linked %": lambda result: percent(result["strangers"]),
    "look-alikes, precision at 5 %": lambda result: percent(result["look_alikes"]["all"]),
    "look-alikes among photos %": lambda result: percent(result["look_alikes"].get("photos", 0)),
    "recall@1 of photos %": lambda result: percent(result["kinds"].get("photo", {}).get("recall_at_1", 0)),
    "ms a picture on one core": lambda result: f"{result['ms_a_picture']:.1f}",
}


def tables(result: Result) -> Iterator[str]:
    """The first contestant is the descriptor; thresholds are each contestant's own, so that none is helped by
    where its likeness happens to lie."""
    stems = [Path(name).stem for name in result["others"]]
    contestants = {"descriptor-v1": result} | {
        name if stems.count(stem) > 1 else stem: one
        for (name, one), stem in zip(result["others"].items(), stems, strict=True)
    }
    yield "Side by side; *linked* from the threshold on that would link 1 % of the pictures without a copy:"
    heads = [f"{name}: {told}" for told in _MEASURES.values() for name in contestants]
    yield markdown_table(
        ("copy", *heads),
        [
            (change, *(percent(_of(one, change)[key]) for key in _MEASURES for one in contestants.values()))
            for change in (*result["transforms"], "mean")
        ],
    )
    yield markdown_table(
        ("", *contestants), [(head, *map(told, contestants.values())) for head, told in _FACTS.items()]
    )


def _of(result: Result, change: str) -> dict[str, float]:
    found: dict[str, float] = result["whole"] if change == "mean" else result["transforms"][change]
    return found
