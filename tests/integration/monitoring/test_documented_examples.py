"""What docs/monitoring.md shows to be put in place of something is taken there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fixtures.prometheus import MONITORING, copied_monitoring, run_tool
from veilgate.telemetry import readings

QUERY = re.compile(r"(?:sum|max)[^\n]*\(veilgate_queue_\w+\{[^}]*\}")


@pytest.fixture
def examples(repository_root: Path) -> list[Any]:
    page = (repository_root / "docs" / "monitoring.md").read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]


def test_prometheus_relabels_pods_as_shown(tmp_path: Path, examples: list[Any]) -> None:
    folder = copied_monitoring(tmp_path)
    settings = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    [settings["scrape_configs"]] = [one for one in examples if isinstance(one, list)]
    # Debian's Prometheus is built without what asks Kubernetes.
    assert settings["scrape_configs"][0].pop("kubernetes_sd_configs")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    done = run_tool("promtool", "check", "config", "prometheus.yml", folder=folder)
    assert done.returncode == 0, done.stdout


def test_pods_are_known_by_what_scalers_ask_for(repository_root: Path, examples: list[Any]) -> None:
    [[job]] = [one for one in examples if isinstance(one, list)]
    added = {
        step["target_label"]: step["source_labels"]
        for step in job["relabel_configs"]
        if "target_label" in step
    }
    queries = "".join(
        QUERY.findall((repository_root / "kubernetes_deployment.yaml").read_text(encoding="utf-8"))
    )
    asked = set(re.findall(r"(\w+)=", queries))
    told = {*readings.QUEUE_WAITING.labels, *readings.QUEUE_PROCESSING.labels}
    assert asked - told == {"namespace"}
    assert added["namespace"] == ["__meta_kubernetes_namespace"]


@pytest.mark.parametrize("page", ["monitoring.md", "kubernetes.md"])
def test_a_pod_that_fetches_its_image_is_not_one_that_is_down(page: str, repository_root: Path) -> None:
    text = (repository_root / "docs" / page).read_text(encoding="utf-8")
    assert re.search(r"\[__meta_kubernetes_pod_phase\], regex: Running, action: keep\}", text)


def test_alertmanager_sends_mail_as_shown(tmp_path: Path, examples: list[Any]) -> None:
    folder = copied_monitoring(tmp_path)
    settings = yaml.safe_load((MONITORING / "alertmanager.yml").read_text())
    [mail] = [one for one in examples if isinstance(one, dict)]
    settings["receivers"] = [{"name": settings["route"]["receiver"], **mail}]
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(settings))
    done = run_tool("amtool", "check-config", "alertmanager.yml", folder=folder)
    assert done.returncode == 0, done.stdout
