"""What workers are scaled on: numbers that exist, told by several gateways, counted once."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fixtures.debian import found, why_missing
from tests.kubernetes.manifests import Document, documents, of_kind, one, quantity, target_of, workload
from veilgate.domain.families import FAMILIES
from veilgate.settings.groups import WorkerSettings
from veilgate.settings.lookups import LookupSettings
from veilgate.telemetry import readings
from veilgate.telemetry.metrics import REGISTRY

READINGS = {one.name: one.labels for one in vars(readings).values() if isinstance(one, readings.Reading)}
# What Prometheus adds to what is scraped.
ADDED = {"namespace"}
SCALED = of_kind(documents(), "ScaledObject")


def query_of(scaler: Document) -> str:
    [trigger] = scaler["spec"]["triggers"]
    assert trigger["type"] == "prometheus"
    return str(trigger["metadata"]["query"])


def unknown_in(query: str) -> Iterator[str]:
    """Names, labels and families that nobody tells."""
    for name, selector in re.findall(r"(\w+)\{([^}]*)\}", query):
        if name not in READINGS and name not in REGISTRY._names_to_collectors:
            yield f"no metric {name}"
            continue
        for label, value in re.findall(r'(\w+)="([^"]*)"', selector):
            if label not in {*READINGS.get(name, ()), *ADDED}:
                yield f"{name} has no label {label}"
            if label == "family" and value not in {family.name for family in FAMILIES}:
                yield f"no family {value}"
    grouped = {label for labels in re.findall(r"by \(([^)]*)\)", query) for label in labels.split(", ")}
    yield from (f"nothing has the label {label}" for label in grouped - set().union(*READINGS.values()))


@pytest.mark.parametrize("scaler", SCALED, ids=lambda scaler: str(scaler["metadata"]["name"]))
def test_it_asks_for_what_gateways_tell(scaler: Document) -> None:
    assert "veilgate_queue_waiting" in query_of(scaler)
    assert list(unknown_in(query_of(scaler))) == []


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        ("veilgate_queue_wait{", "veilgate_queue_waiting{", "no metric veilgate_queue_wait"),
        ("kind=", "family=", "veilgate_queue_waiting has no label kind"),
        ('"image"', '"images"', "no family image"),
        ("by (queue)", "by (lane)", "nothing has the label queue"),
    ],
)
def test_a_slip_in_a_query_is_seen(wrong: str, right: str, says: str) -> None:
    assert says in list(unknown_in(query_of(SCALED[0]).replace(right, wrong)))


def test_two_gateways_that_tell_the_same_count_once(tmp_path: Path) -> None:
    """As Prometheus works it out: 30 and 50 wait on two lanes, 20 are in hand; another house has its own."""
    if why := why_missing(("promtool",), ("prometheus",)):
        pytest.skip(why)
    told = [
        {"series": f'{name}{{{labels},namespace="{house}",pod="gateway-{pod}"}}', "values": f"{value}x3"}
        for name, labels, value in (
            ("veilgate_queue_waiting", 'family="images",lane="interactive"', 30),
            ("veilgate_queue_waiting", 'family="images",lane="bulk"', 50),
            ("veilgate_queue_waiting", 'family="lookups",lane="interactive"', 7),
            ("veilgate_queue_processing", 'family="images"', 20),
            ("veilgate_queue_processing", 'family="lookups"', 3),
        )
        for pod in (1, 2)
        for house in ("veilgate", "staging")
    ]
    expected = {"images-worker": 100, "images-worker-gpu": 80, "lookups-worker": 10}
    asked = [
        {
            "expr": query_of(scaler),
            "eval_time": "2m",
            "exp_samples": [{"labels": "{}", "value": expected[target_of(scaler)[1]]}],
        }
        for scaler in SCALED
    ]
    tests = tmp_path / "queries.yaml"
    case = {"interval": "1m", "input_series": told, "promql_expr_test": asked}
    tests.write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}))
    done = subprocess.run(
        [found("promtool"), "test", "rules", str(tests)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_to_read_is_an_error_and_not_nobody_waits() -> None:
    """Else a Prometheus that was just started would take all workers away."""
    for scaler in SCALED:
        [trigger] = scaler["spec"]["triggers"]
        assert trigger["metadata"]["ignoreNullValues"] == "false"
        keeps_some = scaler["spec"]["minReplicaCount"] > 0
        assert ("fallback" in scaler["spec"]) is keeps_some, scaler["metadata"]["name"]


def test_as_many_as_the_house_promises() -> None:
    bounds = {
        target_of(scaler)[1]: (scaler["spec"]["minReplicaCount"], scaler["spec"]["maxReplicaCount"])
        for scaler in SCALED
    }
    assert bounds == {"images-worker": (5, 20), "images-worker-gpu": (0, 4), "lookups-worker": (1, 5)}


def test_a_worker_is_asked_for_more_than_it_holds_but_little_more() -> None:
    """Fewer than one holds would keep workers with nothing to do; many more would keep pictures waiting."""
    holds = {
        "images-worker": WorkerSettings.model_fields["max_jobs_in_flight"].default,
        "lookups-worker": LookupSettings.model_fields["max_lookups_in_flight"].default,
    }
    among = documents()
    for name, most in holds.items():
        [trigger] = one(among, "ScaledObject", name)["spec"]["triggers"]
        assert most / 2 <= float(trigger["metadata"]["threshold"]) <= most * 4, name


def test_gpus_come_after_cpus_and_go_to_zero() -> None:
    among = documents()
    spec = one(among, "ScaledObject", "images-worker-gpu")["spec"]
    [trigger] = spec["triggers"]
    assert spec["minReplicaCount"] == 0
    assert float(trigger["metadata"]["activationThreshold"]) > float(trigger["metadata"]["threshold"])
    assert spec["cooldownPeriod"] >= 300, "a GPU node takes minutes to come"
    found = workload(among, "images-worker-gpu")
    [container] = found.containers
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert found.pod["nodeSelector"]
    assert found.pod["tolerations"]


def test_gateways_scale_on_processors_that_they_request() -> None:
    among = documents()
    spec = one(among, "HorizontalPodAutoscaler", "gateway")["spec"]
    [metric] = spec["metrics"]
    assert metric["resource"]["name"] == "cpu"
    [container] = workload(among, "gateway").containers
    requested, limit = (quantity(container["resources"][kind]["cpu"]) for kind in ("requests", "limits"))
    # A share of the request: there must be room above it for the load to show.
    assert requested * metric["resource"]["target"]["averageUtilization"] / 100 < limit
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
