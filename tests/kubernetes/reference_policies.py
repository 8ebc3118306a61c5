"""What one document says of another must be there, or be listed as given by the operator."""

from collections.abc import Iterator
from typing import Any

from tests.kubernetes.manifests import (
    NAME,
    SCALERS,
    Document,
    Documents,
    Workload,
    of_kind,
    replicas_at_most,
    selects,
    target_of,
    workloads,
)

# Made as docs/kubernetes.md says, with their keys; None: whatever is in it becomes variables.
GIVEN_SECRETS: dict[str, set[str] | None] = {
    "veilgate-database": {"url", "password"},
    "veilgate-redis": {"url", "password"},
    "veilgate-mysql": {"root-password"},
    "veilgate-s3": None,
    "veilgate-access": None,
    "veilgate-providers": None,
    "veilgate-tls": {"tls.crt", "tls.key"},
}
# What a house can be without.
OPTIONAL = {"veilgate-s3", "veilgate-access", "veilgate-providers", "veilgate-certificates"}
GIVEN_CLAIMS = {"veilgate-models"}


def lives_in_the_namespace(among: Documents) -> Iterator[str]:
    [namespace] = of_kind(among, "Namespace")
    for document in among:
        given = document["metadata"].get("namespace")
        if document is not namespace and given != namespace["metadata"]["name"]:
            yield f"{document['kind']} {document['metadata']['name']}: in namespace {given}"


def is_said_once(among: Documents) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for document in among:
        key = document["kind"], document["metadata"]["name"]
        if key in seen:
            yield f"{key[0]} {key[1]}: said twice"
        seen.add(key)


def selects_pods_that_are_there(among: Documents) -> Iterator[str]:
    pods = [found.labels for found in workloads(among)]
    for document in of_kind(among, "Service", "PodDisruptionBudget", "NetworkPolicy"):
        for selector in _selectors(document):
            for alone in _each_value(selector):
                if not any(selects(alone, labels) for labels in pods):
                    yield f"{document['kind']} {document['metadata']['name']}: selects no pod by {alone}"
    for found in workloads(among):
        own = [found.spec["selector"]] if "selector" in found.spec else []
        own += [spread["labelSelector"] for spread in found.pod.get("topologySpreadConstraints", ())]
        if any(not selects(selector, found.labels) for selector in own):
            yield f"{found.name}: selects other pods than its own"


def _selectors(document: Document) -> Iterator[Document]:
    spec = document["spec"]
    if document["kind"] == "Service":
        yield {"matchLabels": spec["selector"]}
        return
    yield spec.get("podSelector") or spec.get("selector") or {}
    for rule in [*spec.get("ingress", ()), *spec.get("egress", ())]:
        for peer in [*rule.get("from", ()), *rule.get("to", ())]:
            if "podSelector" in peer:
                yield peer["podSelector"]


def _each_value(selector: Document) -> Iterator[Document]:
    """Of a list of names each must be somebody's."""
    expressions = selector.get("matchExpressions", ())
    if not expressions:
        yield selector
    for expression in expressions:
        for value in expression["values"]:
            yield {"matchLabels": {expression["key"]: value}}


def leads_to_ports_that_are_open(among: Documents) -> Iterator[str]:
    for service in of_kind(among, "Service"):
        name = service["metadata"]["name"]
        behind = [
            found
            for found in workloads(among)
            if selects({"matchLabels": service["spec"]["selector"]}, found.labels)
        ]
        for port in service["spec"]["ports"]:
            if any(port["targetPort"] not in found.ports for found in behind):
                yield f"Service {name}: its pods have no port {port['targetPort']}"
    services = {one["metadata"]["name"]: one for one in of_kind(among, "Service")}
    for ingress in of_kind(among, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                wanted = path["backend"]["service"]
                known = services.get(wanted["name"], {"spec": {"ports": []}})["spec"]["ports"]
                if wanted["port"]["name"] not in {port["name"] for port in known}:
                    yield f"Ingress {ingress['metadata']['name']}: no Service {wanted} is there"


def stateful_sets_have_their_service(among: Documents) -> Iterator[str]:
    services = {one["metadata"]["name"]: one["spec"] for one in of_kind(among, "Service")}
    for document in of_kind(among, "StatefulSet"):
        given = services.get(document["spec"].get("serviceName", ""), {})
        if given.get("clusterIP") != "None":
            yield f"{document['metadata']['name']}: its pods get no names of their own"


def refers_to_what_is_there(among: Documents) -> Iterator[str]:
    maps = {document["metadata"]["name"]: set(document["data"]) for document in of_kind(among, "ConfigMap")}
    accounts = {document["metadata"]["name"] for document in of_kind(among, "ServiceAccount")}
    for found in workloads(among):
        yield from _lost_references(found, maps)
        if found.pod.get("serviceAccountName") not in accounts:
            yield f"{found.name}: runs as nobody who is there"
    roles = {document["metadata"]["name"] for document in of_kind(among, "Role")}
    for binding in of_kind(among, "RoleBinding"):
        if binding["roleRef"]["name"] not in roles:
            yield f"RoleBinding {binding['metadata']['name']}: binds no role"
    for ingress in of_kind(among, "Ingress"):
        for tls in ingress["spec"].get("tls", [{"secretName": "none"}]):
            if tls["secretName"] not in GIVEN_SECRETS:
                yield f"Ingress {ingress['metadata']['name']}: no certificate {tls['secretName']}"


def _lost_references(found: Workload, maps: dict[str, set[str]]) -> Iterator[str]:
    for kind, reference in _references(found):
        name = reference.get("name") or reference.get("secretName") or reference.get("claimName")
        keys = {item["key"] for item in reference.get("items", ())}
        known: set[str] | None
        if kind == "secret":
            is_there, known = name in GIVEN_SECRETS, GIVEN_SECRETS.get(str(name))
        elif kind == "claim":
            is_there, known = name in GIVEN_CLAIMS, None
        else:
            is_there, known = name in maps or name in OPTIONAL, maps.get(str(name))
        if not is_there:
            yield f"{found.name}: refers to the {kind} {name}, which is not there"
        if known is not None and keys - known:
            yield f"{found.name}: {name} has no {', '.join(sorted(keys - known))}"
        if bool(reference.get("optional")) != (name in OPTIONAL):
            yield f"{found.name}: whether it needs {name} is not what is said of it"


def _references(found: Workload) -> Iterator[tuple[str, dict[str, Any]]]:
    for container in found.containers:
        for source in container.get("envFrom", ()):
            kind = "map" if "configMapRef" in source else "secret"
            yield kind, source.get("configMapRef") or source["secretRef"]
        for entry in container.get("env", ()):
            for key, reference in entry.get("valueFrom", {}).items():
                yield "secret" if key == "secretKeyRef" else "map", reference
    for volume in found.pod.get("volumes", ()):
        for source in [volume, *volume.get("projected", {}).get("sources", ())]:
            for key, kind in (("configMap", "map"), ("secret", "secret"), ("persistentVolumeClaim", "claim")):
                if key in source:
                    yield kind, source[key]


def may_be_disturbed_a_little(among: Documents) -> Iterator[str]:
    """A budget for whatever there is more than one of; none that forbids draining a node for good."""
    budgets = of_kind(among, "PodDisruptionBudget")
    for found in workloads(among):
        mine = [budget for budget in budgets if selects(budget["spec"]["selector"], found.labels)]
        if replicas_at_most(found, among) > 1 and len(mine) != 1:
            yield f"{found.name}: {len(mine)} budgets for its disruption"
        for budget in mine:
            if budget["spec"].get("maxUnavailable") in {None, 0, "0%"}:
                yield f"{found.name}: its budget may forbid draining a node"


def is_spread(among: Documents) -> Iterator[str]:
    for found in workloads(among):
        keys = {spread["topologyKey"] for spread in found.pod.get("topologySpreadConstraints", ())}
        if replicas_at_most(found, among) > 1 and keys < {
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        }:
            yield f"{found.name}: all of it may be on one node or in one zone"


def is_scaled_by_one(among: Documents) -> Iterator[str]:
    """A scaler has its target to itself: `replicas` beside it would undo it at every apply."""
    targets = {(found.kind, found.name): found for found in workloads(among)}
    seen: set[tuple[str, str]] = set()
    for scaler in of_kind(among, *SCALERS):
        target, spec = target_of(scaler), scaler["spec"]
        if target not in targets:
            yield f"{scaler['kind']} {scaler['metadata']['name']}: scales {target}, which is not there"
            continue
        if target in seen:
            yield f"{target[1]}: scaled twice"
        seen.add(target)
        if "replicas" in targets[target].spec:
            yield f"{target[1]}: has replicas and something that scales it"
        least = spec.get("minReplicas", spec.get("minReplicaCount", 0))
        most = spec.get("maxReplicas", spec.get("maxReplicaCount", 0))
        if not least < most:
            yield f"{target[1]}: from {least} to {most} is no room to scale in"
    for found in workloads(among):
        if found.kind != "Job" and (found.kind, found.name) not in seen and "replicas" not in found.spec:
            yield f"{found.name}: nothing says how many"


def is_labelled(among: Documents) -> Iterator[str]:
    """Selectors and operators go by them."""
    for document in among:
        labels = document["metadata"].get("labels", {})
        if labels.get("app.kubernetes.io/part-of") != "veilgate" or (
            document["kind"] != "Namespace" and NAME not in labels
        ):
            yield f"{document['kind']} {document['metadata']['name']}: lacks its labels"
