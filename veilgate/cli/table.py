"""Rows for people to read."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime


def table_lines(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """A line for each row, the first with the titles; columns are as wide as their widest text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def moment(at_ms: int | None) -> str:
    """`2026-08-30 12:34:56`, in UTC; a dash where there is none."""
    return "-" if at_ms is None else f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M:%S}"
