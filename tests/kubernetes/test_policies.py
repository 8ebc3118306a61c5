"""What the house asks of every manifest beyond the schema, and that each rule notices when it is broken."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.kubernetes import pod_policies as pods
from tests.kubernetes import reference_policies as references
from tests.kubernetes.manifests import Document, Documents, documents, one, sentences

Policy = Callable[[Documents], Iterator[str]]
Break = Callable[[Documents], object]
POLICIES: list[Policy] = [
    policy
    for module in (pods, references)
    for name, policy in vars(module).items()
    if callable(policy) and not name.startswith("_") and getattr(policy, "__module__", "") == module.__name__
]


def pod_of(among: Documents, kind: str, name: str) -> Document:
    pod: Document = one(among, kind, name)["spec"]["template"]["spec"]
    return pod


def gateway(among: Documents) -> Document:
    return pod_of(among, "Deployment", "gateway")


def container(among: Documents, name: str = "gateway", kind: str = "Deployment") -> Document:
    found: Document
    [found] = pod_of(among, kind, name)["containers"]
    return found


def spec_of(among: Documents, kind: str, name: str) -> Document:
    spec: Document = one(among, kind, name)["spec"]
    return spec


def settings(among: Documents) -> Document:
    data: Document = one(among, "ConfigMap", "veilgate-settings")["data"]
    return data


def put(where: Document, key: str, value: Any) -> None:
    where[key] = value


# What is done to a copy, and what the policy then says.
BREAKS: tuple[tuple[Policy, str, Break], ...] = (
    (
        pods.has_requests_and_limits,
        "no limits of memory",
        lambda d: container(d)["resources"]["limits"].pop("memory"),
    ),
    (pods.has_requests_and_limits, "no requests of cpu", lambda d: container(d).pop("resources")),
    (
        pods.has_requests_and_limits,
        "requests more memory",
        lambda d: put(container(d)["resources"]["requests"], "memory", "2Gi"),
    ),
    (pods.runs_restricted, "may run as root", lambda d: gateway(d)["securityContext"].pop("runAsNonRoot")),
    (pods.runs_restricted, "no seccomp", lambda d: gateway(d)["securityContext"].pop("seccompProfile")),
    (pods.runs_restricted, "shares something", lambda d: put(gateway(d), "hostNetwork", True)),
    (
        pods.runs_restricted,
        "mounts a folder",
        lambda d: gateway(d)["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    ),
    (
        pods.runs_restricted,
        "may gain",
        lambda d: container(d, "redis", "StatefulSet")["securityContext"].pop("allowPrivilegeEscalation"),
    ),
    (
        pods.runs_restricted,
        "can be written to",
        lambda d: put(container(d)["securityContext"], "readOnlyRootFilesystem", False),
    ),
    (
        pods.runs_restricted,
        "keeps capabilities",
        lambda d: put(container(d)["securityContext"]["capabilities"], "add", ["NET_ADMIN"]),
    ),
    (pods.runs_as_the_images_user, "10001", lambda d: put(gateway(d)["securityContext"], "runAsUser", 1000)),
    (pods.asks_the_cluster_for_nothing, "token", lambda d: gateway(d).pop("automountServiceAccountToken")),
    (pods.asks_the_cluster_for_nothing, "variable", lambda d: gateway(d).pop("enableServiceLinks")),
    (pods.has_pinned_images, "not pinned", lambda d: put(container(d), "image", "veilgate-gateway")),
    (pods.has_pinned_images, "not pinned", lambda d: put(container(d), "image", "veilgate-gateway:latest")),
    (
        pods.has_pinned_images,
        "is not version",
        lambda d: put(container(d), "image", "veilgate-gateway:0.0.9"),
    ),
    (pods.has_pinned_images, "no target", lambda d: put(container(d), "image", "veilgate-gate:0.1.0")),
    (pods.probes_what_answers, "no livenessProbe", lambda d: container(d).pop("livenessProbe")),
    (
        pods.probes_what_answers,
        "which it has not",
        lambda d: put(container(d)["readinessProbe"]["httpGet"], "port", "web"),
    ),
    (
        pods.probes_what_answers,
        "nobody answers",
        lambda d: put(container(d)["readinessProbe"]["httpGet"], "path", "/healthz"),
    ),
    (
        pods.listens_where_the_settings_say,
        "port http is 8000",
        lambda d: put(settings(d), "PORT", "8080"),
    ),
    (pods.listens_where_the_settings_say, "lets nobody in", lambda d: settings(d).pop("METRICS_HOST")),
    (pods.listens_where_the_settings_say, "Prometheus", lambda d: put(settings(d), "METRICS_PORT", "9465")),
    (pods.runs_real_commands, "no root", lambda d: put(container(d), "command", ["python", "gateway.py"])),
    (
        pods.runs_real_commands,
        "worker.py knows no",
        lambda d: put(container(d, "lookups-worker"), "command", ["python", "worker.py", "lookup"]),
    ),
    (pods.is_told_settings, "LOGLEVEL is no setting", lambda d: put(settings(d), "LOGLEVEL", "INFO")),
    (
        pods.is_told_settings,
        "S3_BUCKET_FILE is no setting",
        lambda d: container(d)["env"].append({"name": "S3_BUCKET_FILE", "value": "/x"}),
    ),
    (
        pods.holds_no_secret,
        "as it is",
        lambda d: container(d)["env"].append({"name": "JWT_SECRET", "value": "x"}),
    ),
    (pods.holds_no_secret, "in a ConfigMap", lambda d: put(settings(d), "AWS_SECRET_ACCESS_KEY", "x")),
    (
        pods.holds_no_secret,
        "a Secret among",
        lambda d: d.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}),
    ),
    (pods.writes_only_where_it_may, "tmp cannot be", lambda d: container(d)["volumeMounts"].pop()),
    (pods.writes_only_where_it_may, "is no volume", lambda d: gateway(d)["volumes"].pop()),
    (
        pods.writes_only_where_it_may,
        "fill the node",
        lambda d: put(gateway(d)["volumes"][-1], "emptyDir", {}),
    ),
    (
        pods.writes_only_where_it_may,
        "larger than",
        lambda d: put(gateway(d)["volumes"][-1]["emptyDir"], "sizeLimit", "5Gi"),
    ),
    (references.lives_in_the_namespace, "in namespace", lambda d: d[-1]["metadata"].pop("namespace")),
    (references.is_said_once, "said twice", lambda d: d.append(d[-1])),
    (
        references.selects_pods_that_are_there,
        "Service gateway: selects no pod",
        lambda d: put(spec_of(d, "Service", "gateway"), "selector", {"app.kubernetes.io/name": "gate"}),
    ),
    (
        references.selects_pods_that_are_there,
        "NetworkPolicy to-redis: selects no pod",
        lambda d: spec_of(d, "NetworkPolicy", "to-redis")["podSelector"]["matchExpressions"][0][
            "values"
        ].append("x"),
    ),
    (
        references.selects_pods_that_are_there,
        "other pods than its own",
        lambda d: put(spec_of(d, "Deployment", "gateway")["template"]["metadata"], "labels", {"a": "b"}),
    ),
    (
        references.leads_to_ports_that_are_open,
        "have no port web",
        lambda d: put(spec_of(d, "Service", "gateway")["ports"][0], "targetPort", "web"),
    ),
    (
        references.leads_to_ports_that_are_open,
        "no Service",
        lambda d: put(spec_of(d, "Service", "gateway")["ports"][0], "name", "web"),
    ),
    (
        references.stateful_sets_have_their_service,
        "no names",
        lambda d: spec_of(d, "Service", "search-peers").pop("clusterIP"),
    ),
    (
        references.refers_to_what_is_there,
        "refers to the secret",
        lambda d: put(container(d)["envFrom"][1]["secretRef"], "name", "s3"),
    ),
    (
        references.refers_to_what_is_there,
        "has no address",
        lambda d: put(
            gateway(d)["volumes"][0]["projected"]["sources"][0]["secret"]["items"][0], "key", "address"
        ),
    ),
    (
        references.refers_to_what_is_there,
        "not what is said",
        lambda d: container(d)["envFrom"][1]["secretRef"].pop("optional"),
    ),
    (references.refers_to_what_is_there, "runs as nobody", lambda d: gateway(d).pop("serviceAccountName")),
    (
        references.refers_to_what_is_there,
        "refers to the claim",
        lambda d: put(
            pod_of(d, "Deployment", "images-worker-gpu")["volumes"][-1]["persistentVolumeClaim"],
            "claimName",
            "m",
        ),
    ),
    (
        references.may_be_disturbed_a_little,
        "0 budgets",
        lambda d: d.remove(one(d, "PodDisruptionBudget", "search")),
    ),
    (
        references.may_be_disturbed_a_little,
        "may forbid",
        lambda d: put(spec_of(d, "PodDisruptionBudget", "redis"), "maxUnavailable", 0),
    ),
    (references.is_spread, "on one node", lambda d: gateway(d)["topologySpreadConstraints"].pop()),
    (
        references.is_scaled_by_one,
        "has replicas",
        lambda d: put(spec_of(d, "Deployment", "gateway"), "replicas", 3),
    ),
    (
        references.is_scaled_by_one,
        "which is not there",
        lambda d: put(spec_of(d, "ScaledObject", "lookups-worker")["scaleTargetRef"], "name", "lookups"),
    ),
    (
        references.is_scaled_by_one,
        "scaled twice",
        lambda d: put(spec_of(d, "ScaledObject", "lookups-worker")["scaleTargetRef"], "name", "gateway"),
    ),
    (
        references.is_scaled_by_one,
        "no room",
        lambda d: put(spec_of(d, "HorizontalPodAutoscaler", "gateway"), "maxReplicas", 2),
    ),
    (
        references.is_scaled_by_one,
        "nothing says how many",
        lambda d: spec_of(d, "Deployment", "deliveries").pop("replicas"),
    ),
    (
        pods.begins_in_an_empty_folder,
        "root of its volume",
        lambda d: container(d, "mysql", "StatefulSet")["volumeMounts"][0].pop("subPath"),
    ),
    (references.is_labelled, "lacks its labels", lambda d: d[-1]["metadata"].pop("labels")),
)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_the_manifests_keep_it(policy: Policy) -> None:
    found = list(policy(documents()))
    assert not found, sentences(found)


@pytest.mark.parametrize(
    ("policy", "says", "break_it"),
    [pytest.param(*case, id=f"{case[0].__name__}-{number}") for number, case in enumerate(BREAKS)],
)
def test_what_breaks_it_is_named(policy: Policy, says: str, break_it: Break) -> None:
    among = documents()
    break_it(among)
    found = list(policy(among))
    assert any(says in line for line in found), sentences(found) or "nothing was found"


def test_each_policy_was_seen_to_fail() -> None:
    assert {case[0] for case in BREAKS} == set(POLICIES)
