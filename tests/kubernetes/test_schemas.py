"""Every field of every document exists and has the type that the API server asks for."""

from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from cloudcoil.models.keda import v1alpha1
from pydantic import ValidationError

from tests.fixtures.paths import REPOSITORY_ROOT
from tests.kubernetes.manifests import Document, documents, of_kind, one
from tests.kubernetes.pages import yaml_blocks

VERSION = "1.37"
# What comes with KEDA and with the Prometheus operator.
KEDA = {"ScaledObject": v1alpha1.ScaledObject, "TriggerAuthentication": v1alpha1.TriggerAuthentication}


# Of operators whose definitions are not at hand.
FOREIGN = ("monitoring.coreos.com/", "cert-manager.io/", "external-secrets.io/", "kustomize.config.k8s.io/")


class Unknown(ValueError):
    """A field that the definition does not have."""


def check(document: Document) -> None:
    """Raises for whatever the API server would refuse, or silently leave out."""
    if document["apiVersion"].startswith("keda.sh/"):
        known = KEDA[document["kind"]].model_validate(document)
        # The models leave out what they do not know: what does not come back is unknown.
        back: Any = known.model_dump(by_alias=True, exclude_unset=True, mode="json")
        if back != document:
            raise Unknown(f"{document['kind']} {document['metadata']['name']}: {back} is all that is known")
    else:
        kubernetes_validate.validate(document, VERSION, strict=True)


@pytest.mark.parametrize(
    "document",
    [pytest.param(one, id=f"{one['kind']}-{one['metadata']['name']}") for one in documents()],
)
def test_a_document_is_what_its_kind_defines(document: Document) -> None:
    check(document)


def test_examples_of_the_docs_are_too() -> None:
    found = [block for block in yaml_blocks("kubernetes.md") if "apiVersion" in block]
    kinds = {block["kind"] for block in found}
    assert {"TriggerAuthentication", "NetworkPolicy", "PodMonitor"} <= kinds, kinds
    for block in found:
        if not block["apiVersion"].startswith(FOREIGN):
            check(block)


def test_a_field_with_a_slip_is_refused() -> None:
    among = documents()
    one(among, "Deployment", "gateway")["spec"]["template"]["spec"]["terminationGracePeriod"] = 30
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriod"):
        check(one(among, "Deployment", "gateway"))


@pytest.mark.parametrize("where", ["spec", "trigger"])
def test_a_slip_in_a_scaler_is_refused(where: str) -> None:
    [scaler, *_] = of_kind(documents(), "ScaledObject")
    part = scaler["spec"] if where == "spec" else scaler["spec"]["triggers"][0]
    part["coolDownPeriod"] = 30
    with pytest.raises(Unknown):
        check(scaler)


def test_a_scaler_without_a_target_is_refused() -> None:
    [scaler, *_] = of_kind(documents(), "ScaledObject")
    del scaler["spec"]["scaleTargetRef"]
    with pytest.raises(ValidationError):
        check(scaler)


def test_files_hold_documents_and_nothing_else() -> None:
    for file in ("kubernetes_deployment.yaml", "mysql-k8s.yaml"):
        text = (REPOSITORY_ROOT / file).read_text(encoding="utf-8")
        assert all(isinstance(one, dict) for one in yaml.safe_load_all(text)), f"{file}: an empty document"
        assert "\t" not in text
