"""What a panel is, and how Grafana wants it written down (schema 39, Grafana 10.4 and later)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_COLUMNS = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WINDOW = "$__rate_interval"
# As often as Prometheus looks at the house.
_STEP = "5s"


@dataclass(frozen=True, slots=True)
class Query:
    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """`limits`: from where on it is doubtful and bad; the other way round if the first is the larger one.
    `words`: what a value is shown as."""

    title: str
    says: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    limits: tuple[float, float] | None = None
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    uid: str
    title: str
    says: str
    rows: tuple[Row, ...]

    def document(self) -> dict[str, Any]:
        """As provisioning reads it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.says,
            "tags": ["veilgate"],
            "schemaVersion": 39,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "templating": {"list": [_SOURCE_CHOICE]},
            "annotations": {"list": [_ALERTS]},
            "links": [_OTHER_DASHBOARDS],
            "panels": list(_placed(self.rows)),
        }


def each(counter: str, *by: str, where: str = "", window: str = _WINDOW) -> str:
    """How much a counter of the processes grows in a second."""
    return f"sum by ({', '.join(by)}) (rate({counter}{_braces(where)}[{window}]))"


def of_house(counter: str, *by: str, where: str = "", window: str = _WINDOW) -> str:
    """The same for what every gateway tells alike. The largest first, as gateways come and go; and a slope,
    because `rate()` takes a total that falls, when a database is put back, for a counter that began anew."""
    return f"clamp_min(deriv(({_told_by_all(counter, *by, where=where)})[{window}:{_STEP}]), 0)"


def grown(counter: str, *by: str, where: str = "", window: str = "1h") -> str:
    """By how much it has grown, of what every gateway tells alike."""
    told = _told_by_all(counter, *by, where=where)
    return f"clamp_min({told} - min_over_time(({told})[{window}:{_STEP}]), 0)"


def quantile(share: float, histogram: str, *by: str, where: str = "", window: str = _WINDOW) -> str:
    return (
        f"histogram_quantile({share:g}, {each(f'{histogram}_bucket', 'le', *by, where=where, window=window)})"
    )


def mean(histogram: str, *by: str, where: str = "") -> str:
    return f"{each(f'{histogram}_sum', *by, where=where)} / {each(f'{histogram}_count', *by, where=where)}"


def or_nothing(expr: str) -> str:
    """0 where nobody ever told a value: an error that never happened, an accelerator that is not there."""
    return f"{expr} or on () vector(0)"


def _told_by_all(counter: str, *by: str, where: str) -> str:
    return f"max by ({', '.join(by)}) ({counter}{_braces(where)})"


def _braces(where: str) -> str:
    return f"{{{where}}}" if where else ""


def _placed(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """From left to right and from above down; ids in that order."""
    top, number = 0, 1
    for row in rows:
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"h": 1, "w": _COLUMNS, "x": 0, "y": top},
        }
        top, number, left = top + 1, number + 1, 0
        for panel in row.panels:
            if left + panel.width > _COLUMNS:
                top, left = top + panel.height, 0
            place = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            yield {"id": number, "gridPos": place, **_drawn(panel)}
            left, number = left + panel.width, number + 1
        top += row.panels[-1].height


def _drawn(panel: Panel) -> dict[str, Any]:
    is_stat = panel.kind == "stat"
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if is_stat else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": _steps(panel.limits)},
        "mappings": [_mapping(panel.words)] if panel.words else [],
    }
    if not is_stat:
        defaults |= {"min": 0, "custom": _lines(panel)}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _STAT if is_stat else _TIMESERIES,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "editorMode": "code",
                "range": True,
            }
            for index, query in enumerate(panel.queries)
        ],
    }


def _steps(limits: tuple[float, float] | None) -> list[dict[str, Any]]:
    if limits is None:
        return [{"color": "blue", "value": None}]
    first, second = limits
    if first <= second:
        colours, values = ("green", "orange", "red"), (None, first, second)
    else:
        colours, values = ("red", "orange", "green"), (None, second, first)
    return [{"color": colour, "value": value} for colour, value in zip(colours, values, strict=True)]


def _mapping(words: Sequence[tuple[str, str]]) -> dict[str, Any]:
    shown = {value: {"text": text, "index": index} for index, (value, text) in enumerate(words)}
    return {"type": "value", "options": shown}


def _lines(panel: Panel) -> dict[str, Any]:
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 40 if panel.stacked else 8,
        "showPoints": "never",
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if panel.limits else "off"},
    }


_STAT = {
    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    "colorMode": "background",
    "graphMode": "area",
    "textMode": "auto",
}
_TIMESERIES = {
    "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
    "tooltip": {"mode": "multi", "sort": "desc"},
}
_SOURCE_CHOICE = {
    "name": "datasource",
    "label": "Prometheus",
    "type": "datasource",
    "query": "prometheus",
    "current": {},
    "options": [],
    "refresh": 1,
    "regex": "",
    "hide": 0,
    "includeAll": False,
    "multi": False,
}
_ALERTS = {
    "name": "Alerts",
    "datasource": _SOURCE,
    "enable": True,
    "iconColor": "red",
    "expr": 'ALERTS{alertstate="firing", alertname=~"Veilgate.+"}',
    "titleFormat": "{{alertname}}",
    "step": "15s",
}
_OTHER_DASHBOARDS = {
    "title": "Veilgate",
    "type": "dashboards",
    "tags": ["veilgate"],
    "asDropdown": False,
    "includeVars": True,
    "keepTime": True,
    "targetBlank": False,
    "icon": "external link",
    "tooltip": "",
    "url": "",
}
