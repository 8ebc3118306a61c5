"""docs/kubernetes.md tells people to type what works with these files."""

import re
import shlex
from typing import Any

import pytest

from tests.fixtures.paths import REPOSITORY_ROOT
from tests.kubernetes.manifests import documents, of_kind, one, replicas_at_most, workload, workloads
from tests.kubernetes.pages import commands, page, yaml_blocks
from tests.kubernetes.reference_policies import GIVEN_CLAIMS, GIVEN_SECRETS
from veilgate.cli.commands import build_parser
from veilgate.settings.groups import GROUPS, StorageSettings

PAGE = page("kubernetes.md")
COMMANDS = commands("kubernetes.md")
SETTINGS = {name.upper() for group in GROUPS for name in group.model_fields}


def made_secrets() -> dict[str, set[str]]:
    """Those that the page makes, with their keys."""
    found = re.findall(
        r"create secret generic (\S+) --from-env-file=\S+ <<END\n(.*?)\nEND", COMMANDS, re.DOTALL
    )
    return {name: {line.partition("=")[0] for line in lines.splitlines()} for name, lines in found}


def test_it_makes_the_secrets_that_pods_ask_for() -> None:
    made = made_secrets()
    for name, keys in GIVEN_SECRETS.items():
        if keys and name != "veilgate-tls":
            assert made.pop(name) == keys, name
    assert list(made) == ["veilgate-s3"]
    assert made["veilgate-s3"] <= SETTINGS, "they become variables"
    for name in (*GIVEN_SECRETS, *GIVEN_CLAIMS):
        assert f"`{name}`" in PAGE or f" {name} " in COMMANDS, f"{name} is not spoken of"


def test_no_password_is_on_a_command_line() -> None:
    assert "--from-literal" not in COMMANDS


@pytest.mark.parametrize("command", re.findall(r"-- .*python -m veilgate ([^)\n]*)", COMMANDS))
def test_commands_of_the_house_exist(command: str) -> None:
    build_parser().parse_args(shlex.split(command))


def test_what_is_used_was_set_before() -> None:
    steps = re.compile(
        r"\$(?P<used>\w+)|\b(?P<set>\w+)=|\bfor (?P<each>\w+) in\b|\bread -\S+ '[^']*' (?P<typed>\w+)"
    )
    known: set[str] = set()
    for step in steps.finditer(COMMANDS):
        assert step["used"] is None or step["used"] in known, step["used"]
        known |= {name for name in step.group("set", "each", "typed") if name}


def test_what_others_define_is_installed_first() -> None:
    """Or `kubectl apply` ends where it meets the first of these."""
    first = COMMANDS.partition("kubectl apply -k")[0]
    groups = {found["apiVersion"].partition("/")[0] for found in documents() if "/" in found["apiVersion"]}
    foreign = {group for group in groups if "." in group and not group.endswith(".k8s.io")}
    assert foreign == {"keda.sh"}
    [annotations] = [found["metadata"]["annotations"] for found in of_kind(documents(), "Ingress")]
    foreign |= {name.partition("/")[0].removeprefix("nginx.ingress.") for name in annotations}
    homes = {
        "keda.sh": "kedacore/keda",
        "cert-manager.io": "cert-manager",
        "kubernetes.io": "kubernetes/ingress-nginx",
    }
    for group in foreign:
        assert re.search(rf"kubectl apply .*-f https://\S+/{homes[group]}/\S+\d", first), group


def test_objects_that_are_named_exist() -> None:
    kinds = {"deployment": "Deployment", "statefulset": "StatefulSet", "job": "Job", "service": "Service"}
    named = set(re.findall(r"(deployment|statefulset|job|service)/([\w-]+)", COMMANDS))
    assert {kind for kind, _ in named} == set(kinds)
    for kind, name in named:
        one(documents(), kinds[kind], name)
    annotated = re.findall(r"annotate scaledobject (\S+) (\S+)-`", PAGE)
    assert [
        one(documents(), "ScaledObject", name)["metadata"]["annotations"][annotation]
        for name, annotation in annotated
    ] == ["0"]


def test_what_the_overlay_changes_is_there() -> None:
    [overlay] = [block for block in yaml_blocks("kubernetes.md") if block.get("kind") == "Kustomization"]
    for resource in overlay["resources"]:
        assert (REPOSITORY_ROOT / resource).is_file()
    images = {container["image"] for found in workloads(documents()) for container in found.containers}
    ours = {image.partition(":")[0] for image in images if image.startswith("veilgate-")}
    assert {entry["name"] for entry in overlay["images"]} == ours
    for patch in overlay["patches"]:
        where: Any
        for path in re.findall(r"path: (\S+),", patch["patch"]):
            where = one(documents(), patch["target"]["kind"], patch["target"]["name"])
            for part in path.strip("/").split("/"):
                where = where[int(part) if part.isdigit() else part]


def test_the_table_tells_how_many() -> None:
    among = documents()
    for name, kind, least, most in re.findall(
        r"^\| `([\w-]+)` \| (\w+) \| (\d+) to (\d+) \|", PAGE, re.MULTILINE
    ):
        found = workload(among, name)
        assert (found.kind, replicas_at_most(found, among)) == (kind, int(most)), name
        [scaler] = [
            scaler
            for scaler in of_kind(among, "ScaledObject", "HorizontalPodAutoscaler")
            if scaler["metadata"]["name"] == name
        ]
        assert scaler["spec"].get("minReplicas", scaler["spec"].get("minReplicaCount")) == int(least), name


def test_the_sum_of_connections_is_right() -> None:
    among = documents()
    pool = StorageSettings.model_fields["database_pool_size"].default
    most = sum(
        replicas_at_most(found, among) * (pool + (found.name == "gateway"))
        for found in workloads(among)
        if found.is_ours and found.kind != "Job"
    )
    assert f"= {most}, and a quarter more" in PAGE
    [line] = [
        line
        for line in one(among, "ConfigMap", "mysql")["data"]["veilgate.cnf"].splitlines()
        if line.startswith("max_connections")
    ]
    assert f"`{line}`" in PAGE


def test_thresholds_are_those_of_the_scalers() -> None:
    triggers = {
        scaler["metadata"]["name"]: scaler["spec"]["triggers"][0]["metadata"]
        for scaler in of_kind(documents(), "ScaledObject")
    }
    gpu = triggers["images-worker-gpu"]
    assert f"one worker for each {triggers['images-worker']['threshold']}." in PAGE
    assert f"more than {gpu['activationThreshold']} pictures wait, one for each {gpu['threshold']}," in PAGE
