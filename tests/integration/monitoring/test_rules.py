"""prometheus.yml and its rules: valid, every alert tried from both sides, and written about."""

import re
from pathlib import Path

import pytest
import yaml

from tests.fixtures.prometheus import MONITORING, copied_monitoring, run_tool
from tests.integration.monitoring.alerts import Alert, alerts, cases, selectors_in

ALERTS = alerts()
NAMES = [alert.name for alert in ALERTS]
# A bound that a value is compared with. 0 asks whether anybody is there, and cannot be moved.
_BOUND = re.compile(r"(?<=[<>] )(?!0\b(?!\.))\d+(?:\.\d+)?")
FAMILIES = {"gateway", "images", "lookups", "deliveries", "reconciler", "search"}
_FAILED = re.compile(r"alertname:\s*(\w+)")


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-local.yml"])
def test_prometheus_takes_its_configuration(name: str) -> None:
    done = run_tool("promtool", "check", "config", name)
    assert done.returncode == 0, done.stdout
    assert f"{len(ALERTS)} rules found" in done.stdout


def test_every_alert_fires_when_it_should() -> None:
    done = run_tool("promtool", "test", "rules", "alerts_test.yml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_has_a_case_that_fires_and_one_that_does_not(name: str) -> None:
    groups = [
        [test["exp_alerts"] for test in group["alert_rule_test"] if test["alertname"] == name]
        for group in cases()
    ]
    assert any(any(expected) for expected in groups), "no case fires"
    assert any(expected and not any(expected) for expected in groups), "no case stays quiet to its end"


@pytest.mark.parametrize("factor", [0.9, 1.1], ids=["too early", "too late"])
def test_a_bound_that_moves_is_noticed(tmp_path: Path, factor: float) -> None:
    """In every alert that has one, by a tenth."""
    folder, moved = copied_monitoring(tmp_path), set()
    document = yaml.safe_load((folder / "alerts.yml").read_text())
    for rule in (rule for group in document["groups"] for rule in group["rules"]):
        rule["expr"], count = _BOUND.subn(lambda bound: f"{float(bound[0]) * factor:g}", rule["expr"])
        moved |= {rule["alert"]} if count else set()
    assert set(NAMES) - moved == {"VeilgateNoWorker", "VeilgatePartBroken", "VeilgateProcessDown"}
    (folder / "alerts.yml").write_text(yaml.safe_dump(document))
    done = run_tool("promtool", "test", "rules", "alerts_test.yml", folder=folder)
    assert set(_FAILED.findall(done.stdout)) == moved


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_says_how_bad_it_is_and_where_to_read_on(alert: Alert) -> None:
    assert alert.labels["severity"] in {"critical", "warning"}
    assert set(alert.annotations) == {"summary", "description", "runbook_url"}
    assert alert.annotations["runbook_url"] == f"docs/runbook.md#{alert.name.lower()}"


def test_local_and_composed_are_the_same_but_for_where_they_look() -> None:
    here, composed = (
        yaml.safe_load((MONITORING / name).read_text()) for name in ("prometheus-local.yml", "prometheus.yml")
    )
    [local_job], [composed_job] = here.pop("scrape_configs"), composed.pop("scrape_configs")
    assert local_job["job_name"] == composed_job["job_name"]
    del here["alerting"], composed["alerting"]
    assert here == composed


def test_every_process_of_compose_is_found_and_called_what_the_rules_call_it() -> None:
    [job] = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    [looked_up], [relabelled] = job["dns_sd_configs"], job["relabel_configs"]
    services = yaml.safe_load((MONITORING.parent / "docker-compose.yml").read_text())["services"]
    assert set(looked_up["names"]) <= set(services)
    matches = [re.fullmatch(relabelled["regex"], name) for name in looked_up["names"]]
    assert {match[1] for match in matches if match} == FAMILIES
    assert None not in matches


def test_what_an_expression_asks_for_is_found() -> None:
    expr = (
        '60 * sum by (a, b) (rate(x_total{c="d or e", f=~".+"}[2m:5s] offset 2m)) > 2 and on (a) up offset 1h'
    )
    assert list(selectors_in(expr)) == ['x_total{c="d or e", f=~".+"}', "up"]
