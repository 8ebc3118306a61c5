"""What bench/likeness.py found, as Markdown."""

from typing import Any

from bench import likeness_contest
from bench.tables import markdown_table, percent

_SHOWN_THRESHOLDS = (0.64, 0.68, 0.72, 0.76, 0.80, 0.84, 0.88, 0.92)


def tables(result: dict[str, Any]) -> str:
    drawn = result["pictures"] - result["photos"]
    looks = result["look_alikes"]
    named = ", ".join(f"{name} {percent(looks[name])} %" for name in looks if name != "scenes")
    return "\n\n".join(
        (
            f"{result['pictures']} pictures, each from another scene: {drawn} drawn, {result['photos']} parts"
            f" of photos. A near-duplicate from {result['threshold']} on.",
            _by_change("copy", result["transforms"] | {"mean": result["whole"]}),
            "By share of the area that the mosaic covers:",
            _by_change(
                "veiled", {percent(float(share)) + " %": row for share, row in result["veils"].items()}
            ),
            "What a threshold would link, when every copy comes once and every picture without a copy too:",
            _by_threshold(result["thresholds"]),
            "By kind of picture:",
            _by_kind(result["kinds"]),
            f"Look-alikes, precision at 5 over {looks['scenes']} scenes of six looks each: {named}.",
            f"Speed, from the view to the vector: {result['ms_a_picture']:.1f} ms on one core,"
            f" {result['pictures_a_minute']:.0f} pictures a minute in {result['workers']} processes.",
            *(likeness_contest.tables(result) if result["others"] else ()),
        )
    )


def _by_change(head: str, rows: dict[str, dict[str, float]]) -> str:
    return markdown_table(
        (head, "recall@1 %", "linked %", "likeness, median", "and of the 5 % least alike"),
        [
            (
                name,
                percent(row["recall_at_1"]),
                percent(row["linked"]),
                f"{row['likeness']:.2f}",
                f"{row['likeness_low']:.2f}",
            )
            for name, row in rows.items()
        ],
    )


def _by_threshold(rows: list[dict[str, float]]) -> str:
    return markdown_table(
        ("threshold", "copies linked %", "links that are right %", "pictures without a copy linked %"),
        [
            (
                f"{row['threshold']:.2f}",
                percent(row["linked"]),
                percent(row["precision"]),
                percent(row["strangers"]),
            )
            for row in rows
            if row["threshold"] in _SHOWN_THRESHOLDS
        ],
    )


def _by_kind(rows: dict[str, dict[str, float]]) -> str:
    return markdown_table(
        ("kind", "pictures", "recall@1 %", "linked %", "nearest foreign picture, 99 % below"),
        [
            (
                kind,
                str(row["pictures"]),
                percent(row["recall_at_1"]),
                percent(row["linked"]),
                f"{row['foreign_high']:.2f}",
            )
            for kind, row in rows.items()
        ],
    )
