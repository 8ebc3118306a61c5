"""What kubernetes_deployment.yaml and mysql-k8s.yaml say, as data."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from tests.fixtures.paths import REPOSITORY_ROOT

Document = dict[str, Any]
Documents = list[Document]

FILES = ("kubernetes_deployment.yaml", "mysql-k8s.yaml")
NAME = "app.kubernetes.io/name"


@cache
def _parsed() -> tuple[Document, ...]:
    texts = [(REPOSITORY_ROOT / file).read_text(encoding="utf-8") for file in FILES]
    return tuple(document for text in texts for document in yaml.safe_load_all(text))


def documents() -> Documents:
    """Of both files; a copy of one's own to break."""
    return deepcopy(list(_parsed()))


def of_kind(among: Documents, *kinds: str) -> Documents:
    return [document for document in among if document["kind"] in kinds]


def one(among: Documents, kind: str, name: str) -> Document:
    [found] = [document for document in of_kind(among, kind) if document["metadata"]["name"] == name]
    return found


@dataclass(frozen=True)
class Workload:
    """Whatever makes pods."""

    document: Document

    @property
    def name(self) -> str:
        return str(self.document["metadata"]["name"])

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def spec(self) -> Document:
        spec: Document = self.document["spec"]
        return spec

    @property
    def pod(self) -> Document:
        pod: Document = self.spec["template"]["spec"]
        return pod

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.spec["template"]["metadata"]["labels"]
        return labels

    @property
    def containers(self) -> Documents:
        return [*self.pod["containers"], *self.pod.get("initContainers", ())]

    @property
    def is_ours(self) -> bool:
        """Runs an image of this repository."""
        return all(container["image"].startswith("veilgate-") for container in self.containers)

    @property
    def ports(self) -> dict[str, int]:
        return {
            port["name"]: port["containerPort"]
            for container in self.containers
            for port in container.get("ports", ())
        }

    def environment(self, among: Documents) -> dict[str, str]:
        """What is set by name or by a ConfigMap, without what comes from secrets."""
        found: dict[str, str] = {}
        for container in self.containers:
            for source in container.get("envFrom", ()):
                if "configMapRef" in source:
                    found |= one(among, "ConfigMap", source["configMapRef"]["name"])["data"]
            found |= {entry["name"]: entry["value"] for entry in container.get("env", ()) if "value" in entry}
        return found


def workloads(among: Documents) -> list[Workload]:
    return [Workload(document) for document in of_kind(among, "Deployment", "StatefulSet", "Job")]


def workload(among: Documents, name: str) -> Workload:
    """By the label of its pods."""
    [found] = [one for one in workloads(among) if one.labels[NAME] == name]
    return found


def selects(selector: Document, labels: dict[str, str]) -> bool:
    """As the API server would; with the two operators that are used here."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In", "only In is known here"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def replicas_at_most(found: Workload, among: Documents) -> int:
    """With whatever scales it."""
    scalers = [scaler for scaler in of_kind(among, *SCALERS) if target_of(scaler) == (found.kind, found.name)]
    most = [scaler["spec"].get("maxReplicas", scaler["spec"].get("maxReplicaCount")) for scaler in scalers]
    return int(max([*most, found.spec.get("replicas", 1)]))


SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")


def target_of(scaler: Document) -> tuple[str, str]:
    reference = scaler["spec"]["scaleTargetRef"]
    return str(reference.get("kind", "Deployment")), str(reference["name"])


def quantity(text: str) -> float:
    """Of memory and storage, in bytes; of processors, in cores."""
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "m": 1e-3}
    for unit, factor in units.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)


def sentences(found: Iterator[str] | Sequence[str]) -> str:
    """Of findings, for the message of an assertion."""
    return "\n".join(found)
