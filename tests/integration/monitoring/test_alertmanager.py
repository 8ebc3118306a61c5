"""alertmanager.yml: valid, silent about what follows from something worse, and heard by a receiver."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fixtures.prometheus import MONITORING, RunningAlertmanager, RunningPrometheus, run_tool
from tests.fixtures.webhook_sink import WebhookSink
from tests.integration.monitoring.alerts import alerts
from tests.waiting import wait_until

PATIENCE_S = 20.0


@pytest.fixture
def alertmanager(tmp_path: Path, sink: WebhookSink) -> Iterator[RunningAlertmanager]:
    (folder := tmp_path / "alertmanager").mkdir()
    server = RunningAlertmanager(folder, url=sink.url)
    yield server
    server.close()


def test_alertmanager_takes_its_configuration() -> None:
    done = run_tool("amtool", "check-config", "alertmanager.yml")
    assert done.returncode == 0, done.stdout
    assert "SUCCESS" in done.stdout


def test_it_knows_only_alerts_that_there_are() -> None:
    rules = yaml.safe_load((MONITORING / "alertmanager.yml").read_text())["inhibit_rules"]
    matchers = [text for rule in rules for side in ("source", "target") for text in rule[f"{side}_matchers"]]
    named = {
        name
        for matcher in matchers
        if matcher.startswith("alertname")
        for name in matcher.partition('"')[2].rstrip('"').split("|")
    }
    assert named <= {alert.name for alert in alerts()}


def test_what_follows_from_something_worse_is_silent(alertmanager: RunningAlertmanager) -> None:
    alertmanager.raise_alert("VeilgateNoWorker", family="lookups")
    alertmanager.raise_alert("VeilgateQueueDeep", family="lookups")
    alertmanager.raise_alert("VeilgateQueueDeep", family="images")
    alertmanager.raise_alert("VeilgateMemoryNearLimit")
    expected = {
        "VeilgateNoWorker lookups": "active",
        "VeilgateQueueDeep lookups": "suppressed",
        "VeilgateQueueDeep images": "active",
        "VeilgateMemoryNearLimit": "active",
    }
    wait_until(lambda: alertmanager.states() == expected, timeout_s=PATIENCE_S, what=str(expected))
    alertmanager.raise_alert("VeilgatePartBroken", part="database", reach="all")
    alertmanager.raise_alert("VeilgatePartBroken", part="readings", reach="all")
    expected |= dict.fromkeys(("VeilgateNoWorker lookups", "VeilgateQueueDeep images"), "suppressed")
    expected |= {"VeilgatePartBroken database": "active", "VeilgatePartBroken readings": "suppressed"}
    wait_until(lambda: alertmanager.states() == expected, timeout_s=PATIENCE_S, what=str(expected))


def test_what_concerns_one_gateway_silences_nobody(alertmanager: RunningAlertmanager) -> None:
    alertmanager.raise_alert("VeilgateNoWorker", family="images")
    alertmanager.raise_alert("VeilgatePartBroken", part="readings", reach="all")
    alertmanager.raise_alert("VeilgatePartBroken", part="redis", reach="some")
    alertmanager.raise_alert("VeilgatePartBroken", part="disk", reach="all")
    alertmanager.raise_alert("VeilgateProcessDown", process="gateway", instance="a:9464")
    told = ("NoWorker images", "PartBroken readings", "PartBroken redis", "PartBroken disk", "ProcessDown")
    expected = {f"Veilgate{name}": "active" for name in told}
    wait_until(lambda: alertmanager.states() == expected, timeout_s=PATIENCE_S, what=str(expected))
    alertmanager.raise_alert("VeilgateProcessDown", process="gateway", reach="all")
    expected |= {"VeilgateProcessDown": "active", "VeilgatePartBroken readings": "suppressed"}
    wait_until(lambda: alertmanager.states() == expected, timeout_s=PATIENCE_S, what=str(expected))


def test_an_alert_goes_all_the_way(
    tmp_path: Path, alertmanager: RunningAlertmanager, sink: WebhookSink
) -> None:
    """Nobody listens where a gateway should, and a minute is made a second."""
    targets_file = tmp_path / "targets.json"
    targets_file.write_text(json.dumps([{"targets": ["127.0.0.1:1"], "labels": {"process": "gateway"}}]))
    prometheus = RunningPrometheus(
        tmp_path,
        targets_file=targets_file,
        rules=(MONITORING / "alerts.yml").read_text().replace("for: 1m\n", "for: 1s\n"),
        alertmanager_port=alertmanager.port,
    )
    try:
        told = wait_until(lambda: _told(sink), timeout_s=PATIENCE_S, what="the alert", poll_s=0.1)
    finally:
        prometheus.close()
    assert "FIRING VeilgateProcessDown" in told
    assert "gateway at 127.0.0.1:1 does not answer" in told
    assert "docs/runbook.md#veilgateprocessdown" in told


def _told(sink: WebhookSink) -> str:
    return "\n".join(text for one in sink.received if "VeilgateProcessDown" in (text := one.body.decode()))
