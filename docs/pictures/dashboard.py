"""Makes docs/pictures/dashboard.svg: `python -m docs.pictures.dashboard http://127.0.0.1:9090 [MINUTES]`.

Asks a running Prometheus for what the panels of the main dashboard ask for, and draws it. It is no picture of
Grafana, which draws the same numbers in its own way.
"""

import math
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

import httpx

from monitoring.grafana.overview import OVERVIEW
from monitoring.grafana.panels import Panel, Query

_POINTS = 90
_COLUMNS, _WIDTH, _HEIGHT, _GAP = 3, 370, 190, 14
_STAT_WIDTH, _STAT_HEIGHT = 132, 74
_PLOT_LEFT, _PLOT_TOP, _PLOT_RIGHT, _PLOT_BOTTOM = 52, 30, 12, 50
_LETTER = 5.6  # width of one at the size of legends
_COLOURS = ("#2f7d6d", "#d08b2c", "#3f6fb0", "#b5495b", "#7a5ea8", "#6b8e23", "#8a6d5a", "#4aa3a3")
# Of a 0 that stands for what nobody has told.
_UNKNOWN_LABEL = re.compile(r"\{\{\w+\}\}")
# By how much to multiply, and what to put before and after it.
_UNITS = {
    "none": (1, "", ""),
    "s": (1, "", " s"),
    "bytes": (1e-6, "", " MB"),
    "percentunit": (100, "", " %"),
    "currencyUSD": (1, "$", ""),
    "cps": (1, "", "/s"),
    "reqps": (1, "", "/s"),
    "cpm": (1, "", "/min"),
}
_INK, _PALE, _PAPER = "#1b2a3a", "#d5dbe0", "#ffffff"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """What is looked at: from when to when, and how far apart."""

    from_s: float
    to_s: float

    @property
    def step_s(self) -> float:
        return (self.to_s - self.from_s) / _POINTS


def main(url: str, minutes: float) -> None:
    now_s = time.time()
    span = Span(now_s - minutes * 60, now_s)
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
        drawn = _page(http, span)
    Path(__file__).with_suffix(".svg").write_text(drawn, encoding="utf-8")


def _page(http: httpx.Client, span: Span) -> str:
    parts, top = [], _GAP
    for row in OVERVIEW.rows:
        parts.append(_text(_GAP, top + 12, row.title, size=14, weight="bold"))
        top += 22
        stats = [panel for panel in row.panels if panel.kind == "stat"]
        for index, panel in enumerate(stats):
            parts.append(_stat(panel, _lines(http, panel, span), _GAP + index * (_STAT_WIDTH + 10), top))
        top += _STAT_HEIGHT + _GAP if stats else 0
        graphs = [panel for panel in row.panels if panel.kind != "stat"]
        for index, panel in enumerate(graphs):
            left = _GAP + index % _COLUMNS * (_WIDTH + _GAP)
            at = top + index // _COLUMNS * (_HEIGHT + _GAP)
            parts.append(_graph(panel, _lines(http, panel, span), (left, at), span))
        top += math.ceil(len(graphs) / _COLUMNS) * (_HEIGHT + _GAP)
    width = _GAP + _COLUMNS * (_WIDTH + _GAP)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" '
    head += 'font-family="Helvetica, Arial, sans-serif">'
    return "\n".join([head, f'<rect width="100%" height="100%" fill="{_PAPER}"/>', *parts, "</svg>\n"])


def _lines(http: httpx.Client, panel: Panel, span: Span) -> list[Line]:
    """Without those that are 0 all the time beside others that are not."""
    found = [line for query in panel.queries for line in _answered(http, query, span) if line.points]
    return [line for line in found if any(value for _, value in line.points)] or found


def _answered(http: httpx.Client, query: Query, span: Span) -> Iterator[Line]:
    asked = {
        "query": query.expr.replace("$__rate_interval", "30s"),
        "start": f"{span.from_s:.3f}",
        "end": f"{span.to_s:.3f}",
        "step": f"{span.step_s:.3f}",
    }
    answer = http.post("/api/v1/query_range", data=asked).raise_for_status()
    for series in answer.json()["data"]["result"]:
        name = query.legend or " ".join(series["metric"].values())
        for label, value in series["metric"].items():
            name = name.replace(f"{{{{{label}}}}}", value)
        name = _UNKNOWN_LABEL.sub("none", name.replace("127.0.0.1:", ":"))
        numbers = ((float(at_s), float(value)) for at_s, value in series["values"])
        yield Line(name, tuple(point for point in numbers if math.isfinite(point[1])))


def _stat(panel: Panel, lines: Sequence[Line], left: float, top: float) -> str:
    values = [line.points[-1][1] for line in lines]
    words = dict(panel.words)
    shown = words.get(f"{values[0]:g}", _number(values[0], panel.unit)) if values else "no data"
    box = f'<rect x="{left}" y="{top}" width="{_STAT_WIDTH}" height="{_STAT_HEIGHT}" rx="4" '
    box += f'fill="{_state(panel, values)}"/>'
    title = _text(left + 8, top + 18, panel.title, size=10.5, colour=_PAPER)
    return box + title + _text(left + 8, top + 52, shown, size=23, weight="bold", colour=_PAPER)


def _state(panel: Panel, values: Sequence[float]) -> str:
    """Good, doubtful or bad, as the dashboard has it."""
    if not values or panel.limits is None:
        return "#3f6fb0"
    first, second = panel.limits
    if first <= second:
        reached = sum(values[0] >= limit for limit in panel.limits)
    else:
        reached = sum(values[0] < limit for limit in panel.limits)
    return ("#2f7d6d", "#d08b2c", "#b5495b")[reached]


def _graph(panel: Panel, lines: Sequence[Line], corner: tuple[float, float], span: Span) -> str:
    left, top = corner
    if panel.stacked:
        lines = list(_stacked(lines))
    highest = _round_up(max((value for line in lines for _, value in line.points), default=1.0))
    box = f'<rect x="{left}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" rx="4" fill="none" '
    parts = [f'{box}stroke="{_PALE}"/>', _text(left + 10, top + 18, panel.title, size=12, weight="bold")]
    bottom, right = top + _HEIGHT - _PLOT_BOTTOM, left + _WIDTH - _PLOT_RIGHT
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top - _PLOT_TOP)
        parts.append(f'<path d="M{left + _PLOT_LEFT} {y:.1f}H{right}" stroke="{_PALE}"/>')
        shown = _number(share * highest, panel.unit)
        parts.append(_text(left + _PLOT_LEFT - 5, y + 3, shown, size=9, anchor="end"))
    ends = (
        (f"{(span.to_s - span.from_s) / 60:.2g} min ago", left + _PLOT_LEFT, "start"),
        ("now", right, "end"),
    )
    parts += [_text(x, bottom + 11, words, size=9, anchor=anchor) for words, x, anchor in ends]
    for line, colour in zip(lines, _colours(), strict=False):
        path = _path(line, span, (left + _PLOT_LEFT, right), (bottom, top + _PLOT_TOP), highest)
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return "".join([*parts, *_legend(lines, left + 10, top + _HEIGHT - 22)])


def _stacked(lines: Sequence[Line]) -> Iterator[Line]:
    """Each on top of those before it."""
    below: dict[float, float] = {}
    for line in lines:
        for at_s, value in line.points:
            below[at_s] = below.get(at_s, 0.0) + value
        yield Line(line.name, tuple((at_s, below[at_s]) for at_s, _ in line.points))


def _path(
    line: Line, span: Span, across: tuple[float, float], up: tuple[float, float], highest: float
) -> str:
    """Broken where Prometheus had nothing to say."""
    width, height = across[1] - across[0], up[1] - up[0]
    length_s = span.to_s - span.from_s
    places = [
        (at_s, across[0] + (at_s - span.from_s) / length_s * width, up[0] + value / highest * height)
        for at_s, value in line.points
    ]
    words = [f"M{places[0][1]:.1f} {places[0][2]:.1f}"]
    for (before_s, _, _), (at_s, x, y) in pairwise(places):
        words.append(f"{'L' if at_s - before_s < 1.5 * span.step_s else 'M'}{x:.1f} {y:.1f}")
    return "".join(words)


def _legend(lines: Sequence[Line], left: float, top: float) -> Iterator[str]:
    """In two rows, as many as there is room for."""
    named = list(zip(lines, _colours(), strict=False))
    x, y, limit = left, top, left + _WIDTH - 24
    for line, colour in named:
        width = 14 + len(line.name) * _LETTER
        if x + width > limit:
            x, y = left, y + 13
        if y > top + 13:
            return
        yield f'<rect x="{x:.1f}" y="{y - 6:.1f}" width="8" height="3" fill="{colour}"/>'
        yield _text(x + 11, y, line.name, size=9.5)
        x += width + 6


def _colours() -> Iterator[str]:
    while True:
        yield from _COLOURS


def _round_up(value: float) -> float:
    """To 1, 2 or 5 of a power of ten, so that axes have short numbers."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)


def _number(value: float, unit: str) -> str:
    if unit == "s" and 0 < abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    factor, before, after = _UNITS[unit]
    shown = value * factor
    return f"{before}{shown:,.0f}{after}" if abs(shown) >= 100 else f"{before}{shown:.3g}{after}"


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    weight: str = "normal",
    colour: str = _INK,
    anchor: str = "start",
) -> str:
    style = f'font-size="{size}" font-weight="{weight}" fill="{colour}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 10.0)
