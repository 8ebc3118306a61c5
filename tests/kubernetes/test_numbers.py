"""Numbers that stand here and in the code are the same, or fit."""

import os
from pathlib import Path

import pytest
import yaml

import api_server
from config import Config
from tests.fixtures.paths import REPOSITORY_ROOT
from tests.kubernetes.manifests import (
    documents,
    of_kind,
    one,
    quantity,
    replicas_at_most,
    workload,
    workloads,
)
from veilgate import __version__
from veilgate.api import app
from veilgate.services.overview import health
from veilgate.services.webhooks import deliveries
from veilgate.settings.groups import QueueSettings, ServerSettings, StorageSettings
from veilgate.wiring import images_worker, lookups_worker, search_process

JOB_TIMEOUT_S = QueueSettings.model_fields["job_timeout_s"].default
POOL = StorageSettings.model_fields["database_pool_size"].default
# How long each may take to end by its own account, from SIGTERM on.
DRAINS_S = {
    "gateway": api_server._DRAIN_S,
    "images-worker": JOB_TIMEOUT_S + images_worker._ENGINE_END_S,
    "images-worker-gpu": JOB_TIMEOUT_S + images_worker._ENGINE_END_S,
    "lookups-worker": lookups_worker._DRAIN_S + lookups_worker._ENGINE_END_S,
    "deliveries": deliveries._NEEDED_S,
    # The step that it is at; each may be broken off and repeated.
    "reconciler": 10.0,
    # Then it writes a snapshot; one that is broken off is followed up from the database.
    "search": search_process._DRAIN_S + 30.0,
}
# What each still closes then: connections, pools of threads, its sign of life.
CLOSING_S = 5.0


@pytest.mark.parametrize("name", DRAINS_S)
def test_nobody_is_killed_before_its_own_time_is_over(name: str) -> None:
    found = workload(documents(), name)
    [container] = found.containers
    lingers_s = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert found.pod["terminationGracePeriodSeconds"] >= lingers_s + DRAINS_S[name] + CLOSING_S


def test_every_process_is_given_its_time() -> None:
    ours = {found.labels["app.kubernetes.io/name"] for found in workloads(documents()) if found.is_ours}
    assert ours - {"migrate"} == set(DRAINS_S)


def test_who_serves_calls_lingers_until_nobody_is_sent_there() -> None:
    for name in ("gateway", "search"):
        [container] = workload(documents(), name).containers
        assert container["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5


def test_the_probe_waits_as_long_as_the_gateway_asks() -> None:
    [container] = workload(documents(), "gateway").containers
    assert container["readinessProbe"]["timeoutSeconds"] > health.PATIENCE_S


def test_the_ingress_lets_through_what_the_gateway_takes() -> None:
    annotations = one(documents(), "Ingress", "gateway")["metadata"]["annotations"]
    given = {name.rpartition("/")[2]: value for name, value in annotations.items()}
    assert int(given["proxy-body-size"]) == ServerSettings.model_fields["max_batch_bytes"].default
    assert given["proxy-request-buffering"] == given["proxy-buffering"] == "off"
    # As nginx/veilgate-server.conf, whose numbers are tested against a real nginx.
    conf = (REPOSITORY_ROOT / "nginx" / "veilgate-server.conf").read_text(encoding="utf-8")
    for name in ("proxy-read-timeout", "proxy-send-timeout", "proxy-connect-timeout"):
        assert f"{name.replace('-', '_')} {given[name]}s;" in conf, name
    assert f"limit_conn veilgate_addresses {given['limit-connections']};" in conf


def test_the_public_name_is_the_same_everywhere() -> None:
    among = documents()
    spec = one(among, "Ingress", "gateway")["spec"]
    [rule], [tls] = spec["rules"], spec["tls"]
    data = one(among, "ConfigMap", "veilgate-settings")["data"]
    assert tls["hosts"] == [rule["host"]]
    assert data["PUBLIC_BASE_URL"] == f"https://{rule['host']}"
    [port] = one(among, "Service", "search")["spec"]["ports"]
    assert data["SEARCH_URL"] == f"http://search:{port['port']}"


def test_the_migration_is_named_after_the_version() -> None:
    """A Job cannot be changed: under the old name the new version would not be applied."""
    [job] = of_kind(documents(), "Job")
    assert job["metadata"]["name"] == f"migrate-{__version__.replace('.', '-')}"


def test_servers_of_others_are_those_of_compose() -> None:
    """One version of each to know."""
    compose = yaml.safe_load((REPOSITORY_ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    for name in ("redis", "mysql"):
        [container] = workload(documents(), name).containers
        assert container["image"] == compose["services"][name]["image"]


def test_uploads_at_a_time_have_room() -> None:
    found = workload(documents(), "gateway")
    [data] = [volume["emptyDir"] for volume in found.pod["volumes"] if volume["name"] == "data"]
    largest = ServerSettings.model_fields["max_upload_bytes"].default
    # And as much more as the gateway wants free, so that it never refuses for want of it.
    assert quantity(data["sizeLimit"]) >= (app._THREADS + 1) * largest


def test_the_database_takes_everybodys_connections() -> None:
    among = documents()
    most = sum(
        replicas_at_most(found, among) * (POOL + (found.labels["app.kubernetes.io/name"] == "gateway"))
        for found in workloads(among)
        if found.is_ours
    )
    text = one(among, "ConfigMap", "mysql")["data"]["veilgate.cnf"]
    [line] = [line for line in text.splitlines() if line.startswith("max_connections")]
    # A quarter more while a new version takes over (maxSurge), and some for people.
    assert int(line.partition("=")[2]) >= most * 1.25 + 20


def test_the_database_begins_as_mysql_init_says() -> None:
    data = one(documents(), "ConfigMap", "mysql-init")["data"]
    folder = REPOSITORY_ROOT / "mysql-init"
    for path in folder.iterdir():
        assert data[path.name].strip() == path.read_text(encoding="utf-8").strip(), path.name
    assert sorted(data) == [*sorted(path.name for path in folder.iterdir()), "02-password.sh"]


def test_the_settings_make_a_production_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With secrets in files, as they are mounted."""
    monkeypatch.chdir(tmp_path)
    urls = {
        "DATABASE_URL": "mysql+pymysql://veilgate:a1b2@mysql/veilgate",
        "REDIS_URL": "redis://:a1b2@redis:6379/0",
    }
    for found in workloads(documents()):
        if not found.is_ours:
            continue
        with monkeypatch.context() as patch:
            for name, value in found.environment(documents()).items():
                path = tmp_path / name
                path.write_text(urls.get(name.removesuffix("_FILE"), ""))
                patch.setenv(name, str(path) if path.stat().st_size else value)
            read = Config()
        assert read.redis_url == urls["REDIS_URL"], found.name
        assert read.server.host == "0.0.0.0"
        assert read.telemetry.metrics_host == "0.0.0.0"
        assert str(read.storage.data_dir) == "/data"
    assert "DATABASE_URL_FILE" not in os.environ
