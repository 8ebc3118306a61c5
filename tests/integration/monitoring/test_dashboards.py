"""The dashboards: written by their sources, and what Grafana takes. Whether they show anything is
test_running_house.py's business."""

import itertools
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from monitoring.grafana.__main__ import DASHBOARDS, FOLDER, text_of
from monitoring.grafana.panels import Dashboard, grown, of_house
from tests.fixtures.prometheus import MONITORING, run_tool
from veilgate.telemetry import readings
from veilgate.telemetry.metrics import REGISTRY

# Those of Grafana's units that are in use; a misspelt one is shown behind the number as it stands.
UNITS = {"none", "Bps", "s", "bytes", "percentunit", "cps", "cpm", "reqps", "currencyUSD"}
COLUMNS = 24
BY_UID = [pytest.param(one, id=one.uid) for one in DASHBOARDS]


def panels(dashboard: Dashboard) -> list[dict[str, Any]]:
    drawn: list[dict[str, Any]] = dashboard.document()["panels"]
    return drawn


@pytest.mark.parametrize("dashboard", BY_UID)
def test_what_is_committed_is_what_the_sources_say(dashboard: Dashboard) -> None:
    committed = (FOLDER / f"{dashboard.uid}.json").read_text(encoding="utf-8")
    assert committed == text_of(dashboard), "run: python -m monitoring.grafana"


def test_there_are_no_others() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{one.uid}.json" for one in DASHBOARDS}
    assert len({one.title for one in DASHBOARDS}) == len(DASHBOARDS)


@pytest.mark.parametrize("dashboard", BY_UID)
def test_every_panel_says_what_it_shows(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        if panel["type"] == "row":
            continue
        assert panel["type"] in {"stat", "timeseries"}
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == list("ABCD"[: len(panel["targets"])])
        first, *steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert first["value"] is None, "Grafana wants a colour for whatever is below"
        assert [step["value"] for step in steps] == sorted(step["value"] for step in steps)


def test_every_number_of_ours_is_shown_somewhere() -> None:
    counted = [one.name for one in REGISTRY.collect()]
    looked_up = [one.name for one in vars(readings).values() if isinstance(one, readings.Reading)]
    asked = "".join(text_of(one) for one in DASHBOARDS)
    ours = {name.removesuffix("_total") for name in (*counted, *looked_up)}
    ours = {name for name in ours if not name.startswith(("process_", "python_"))}
    assert len(ours) > 50
    assert sorted(name for name in ours if name not in asked) == []


@pytest.mark.parametrize("dashboard", BY_UID)
def test_panels_have_places_of_their_own(dashboard: Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(dashboard):
        at = panel["gridPos"]
        columns, lines = range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        covered = set(itertools.product(columns, lines))
        assert not covered & taken, panel["title"]
        assert at["x"] + at["w"] <= COLUMNS, panel["title"]
        taken |= covered
    ids = [panel["id"] for panel in panels(dashboard)]
    assert len(ids) == len(set(ids))


def test_grafana_finds_them_and_their_source() -> None:
    folder = MONITORING / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    source, alertmanager = sources
    [provider] = yaml.safe_load((folder / "dashboards" / "veilgate.yml").read_text())["providers"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert alertmanager["type"] == "alertmanager"
    # Rates look back over four times what Grafana believes to be the time between two samples.
    scraped = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped
    assert provider["type"] == "file"
    services = yaml.safe_load((MONITORING.parent / "docker-compose.yml").read_text())["services"]
    dashboards = f"./monitoring/grafana/dashboards:{provider['options']['path']}:ro"
    assert dashboards in services["grafana"]["volumes"]
    for one in sources:
        beside = services[str(httpx.URL(one["url"]).host)]["networks"]
        assert set(beside) & set(services["grafana"]["networks"]), one["name"]
    [choice] = json.loads(text_of(DASHBOARDS[0]))["templating"]["list"]
    assert (choice["type"], choice["query"]) == ("datasource", source["type"])


def test_what_gateways_tell_outlives_them_and_may_fall(tmp_path: Path) -> None:
    """One a second, told by one gateway and then by another; after 10 minutes a database is put back."""
    told = [
        {"series": 'x_total{kind="veil", instance="a:9464"}', "values": "1000+5x60 stale"},
        {"series": 'x_total{kind="veil", instance="b:9464"}', "values": "_x62 1310+5x57 700x10 700+5x120"},
    ]
    pace = of_house("x_total", "kind", window="2m")
    asked = [
        (pace, "4m", 1),
        (pace, "6m", 1),
        (pace, "10m40s", 0),
        (pace, "15m", 1),
        (grown("x_total", "kind"), "9m", 540),
        (grown("x_total", "kind", window="5m"), "10m40s", 0),
    ]
    samples = [
        {"expr": f"round({expr}, 0.01)", "eval_time": at, "exp_samples": [_of_veil(value)]}
        for expr, at, value in asked
    ]
    case = {"interval": "5s", "input_series": told, "promql_expr_test": samples}
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}))
    done = run_tool("promtool", "test", "rules", "panels.yml", folder=tmp_path)
    assert done.returncode == 0, done.stdout


def _of_veil(value: float) -> dict[str, Any]:
    return {"labels": '{kind="veil"}', "value": value}
