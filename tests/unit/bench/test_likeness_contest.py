"""The table in which embedders stand side by side."""

from typing import Any

from bench.likeness_contest import tables


def result(*, found: float, linked: float, threshold: float) -> dict[str, Any]:
    change = {"recall_at_1": found, "linked": 0.11, "linked_strictly": linked}
    return {
        "dimensions": 8,
        "threshold": 0.8,
        "strangers": 0.02,
        "strict": {"threshold": threshold},
        "transforms": {"border": change},
        "whole": change,
        "look_alikes": {"all": 0.9},
        "kinds": {},
        "ms_a_picture": 3.0,
    }


def test_each_is_linked_from_its_own_threshold_on() -> None:
    ours = result(found=0.75, linked=0.5, threshold=0.61)
    _, changes, facts = tables(
        result(found=1, linked=0.25, threshold=0.77) | {"others": {"of/ours.onnx": ours}}
    )
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in changes.splitlines()]
    assert cells[0] == [
        "copy",
        "descriptor-v1: recall@1 %",
        "ours: recall@1 %",
        "descriptor-v1: linked %",
        "ours: linked %",
    ]
    assert [row[1:] for row in cells if row[0] in {"border", "mean"}] == [
        ["100.0", "75.0", "25.0", "50.0"]
    ] * 2
    (thresholds,) = (line for line in facts.splitlines() if "links 1 %" in line)
    assert [cell.strip() for cell in thresholds.split("|")[2:-1]] == ["0.770", "0.610"]
