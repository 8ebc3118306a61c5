"""What every pod must have. Each policy yields a line for whatever breaks it, naming the workload."""

import re
from collections.abc import Iterator

from pydantic import SecretStr

from tests.fixtures.paths import REPOSITORY_ROOT
from tests.kubernetes.manifests import Document, Documents, Workload, of_kind, quantity, workloads
from veilgate import __version__
from veilgate.api.access import NEEDS
from veilgate.settings.groups import GROUPS
from worker import FAMILY_ROOTS

_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_SETTINGS = {name.upper(): field for group in GROUPS for name, field in group.model_fields.items()}
_SECRETS = {name for name, field in _SETTINGS.items() if field.annotation is SecretStr}
# What the images of others are told.
_FOREIGN = {"MYSQL_ROOT_PASSWORD_FILE", "MYSQL_ROOT_HOST"}
# The path that a process of ours answers at, by the port's name, and by whose port it is.
_TEMPORARY = "/tmp"  # noqa: S108 - where the images' libraries write
_PATHS = {("metrics", ""): "/live", ("http", "gateway"): "/ready", ("http", "search"): "/ready"}


def has_requests_and_limits(among: Documents) -> Iterator[str]:
    for found, container in _containers(among):
        given = container.get("resources", {})
        for kind in ("requests", "limits"):
            for resource in _RESOURCES:
                if resource not in given.get(kind, {}):
                    yield f"{found.name}: no {kind} of {resource}"
        for resource, wanted in given.get("requests", {}).items():
            if quantity(wanted) > quantity(given.get("limits", {}).get(resource, "0")):
                yield f"{found.name}: requests more {resource} than its limit"


def runs_restricted(among: Documents) -> Iterator[str]:
    """As the namespace enforces, and with a root file system that nobody writes to."""
    for found in workloads(among):
        given = found.pod.get("securityContext", {})
        if not given.get("runAsNonRoot") or not given.get("runAsUser"):
            yield f"{found.name}: may run as root"
        if given.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{found.name}: no seccomp profile"
        if any(found.pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{found.name}: shares something with its node"
        if any("hostPath" in volume for volume in found.pod.get("volumes", ())):
            yield f"{found.name}: mounts a folder of its node"
    for found, container in _containers(among):
        given = container.get("securityContext", {})
        if given.get("allowPrivilegeEscalation") is not False:
            yield f"{found.name}: may gain privileges"
        if given.get("readOnlyRootFilesystem") is not True:
            yield f"{found.name}: its root file system can be written to"
        if given.get("capabilities", {}).get("drop") != ["ALL"] or given.get("capabilities", {}).get("add"):
            yield f"{found.name}: keeps capabilities"


def runs_as_the_images_user(among: Documents) -> Iterator[str]:
    dockerfile = (REPOSITORY_ROOT / "Dockerfile").read_text(encoding="utf-8")
    [uid] = re.findall(r"^USER (\d+)", dockerfile, re.MULTILINE)
    for found in workloads(among):
        if found.is_ours and found.pod.get("securityContext", {}).get("runAsUser") != int(uid):
            yield f"{found.name}: the image's user is {uid}"


def asks_the_cluster_for_nothing(among: Documents) -> Iterator[str]:
    """No token; and no variables of Services, of which SEARCH_PORT=tcp://… would be taken for a setting."""
    for found in workloads(among):
        if found.pod.get("automountServiceAccountToken") is not False:
            yield f"{found.name}: is given a token"
        if found.pod.get("enableServiceLinks") is not False:
            yield f"{found.name}: is given a variable for each Service"


def begins_in_an_empty_folder(among: Documents) -> Iterator[str]:
    """MySQL makes its tables in no other, and the root of a volume with ext4 has lost+found."""
    for found, container in _containers(among):
        for mount in container.get("volumeMounts", ()):
            if mount["mountPath"] == "/var/lib/mysql" and not mount.get("subPath"):
                yield f"{found.name}: keeps its tables in the root of its volume"


def has_pinned_images(among: Documents) -> Iterator[str]:
    dockerfile = (REPOSITORY_ROOT / "Dockerfile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.MULTILINE))
    for found, container in _containers(among):
        name, _, tag = container["image"].partition(":")
        if not re.fullmatch(r"\d+\.\d+\.\d+(-[a-z]+)?", tag):
            yield f"{found.name}: {container['image']} is not pinned to a version"
        if name.startswith("veilgate-") and tag != __version__:
            yield f"{found.name}: {container['image']} is not version {__version__}"
        if name.startswith("veilgate-") and name.removeprefix("veilgate-") not in targets:
            yield f"{found.name}: the Dockerfile has no target for {name}"


def probes_what_answers(among: Documents) -> Iterator[str]:
    for found, container in _containers(among):
        names = {port["name"] for port in container.get("ports", ())}
        probes = {key: probe for key, probe in container.items() if key.endswith("Probe")}
        missing = {"startupProbe", "livenessProbe"} - set(probes)
        if missing and found.kind != "Job":
            yield f"{found.name}: no {' and no '.join(sorted(missing))}"
        for key, probe in probes.items():
            asked = probe.get("httpGet") or probe.get("tcpSocket") or {}
            if asked and asked["port"] not in names:
                yield f"{found.name}: {key} asks port {asked['port']}, which it has not"
            if "httpGet" in probe and asked["path"] != _path_of(found, asked["port"]):
                yield f"{found.name}: {key} asks for {asked['path']}, which nobody answers"


def _path_of(found: Workload, port: str) -> str | None:
    assert ("GET", "/ready") in NEEDS, "the gateway's route"
    return _PATHS.get((port, found.name)) or _PATHS.get((port, ""))


def listens_where_the_settings_say(among: Documents) -> Iterator[str]:
    expected = {"metrics": "METRICS_PORT"}
    for found in workloads(among):
        if not found.is_ours or found.kind == "Job":
            continue
        given = found.environment(among)
        mine = expected | {"http": "PORT" if found.name == "gateway" else "SEARCH_PORT"}
        if "metrics" not in found.ports:
            yield f"{found.name}: no port metrics"
        for name, port in found.ports.items():
            if str(port) != given.get(mine[name]):
                yield f"{found.name}: port {name} is {port} and {mine[name]} {given.get(mine[name])}"
        annotations = found.spec["template"]["metadata"].get("annotations", {})
        if annotations.get("prometheus.io/port") != given.get("METRICS_PORT"):
            yield f"{found.name}: Prometheus would ask another port"
        for host in ("HOST", "SEARCH_HOST", "METRICS_HOST"):
            if given.get(host) != "0.0.0.0":
                yield f"{found.name}: {host} lets nobody in from outside of its pod"


def runs_real_commands(among: Documents) -> Iterator[str]:
    for found, container in _containers(among):
        if not found.is_ours:
            continue
        program, *arguments = container.get("command", ["nothing"])
        script = arguments[0] if arguments else ""
        if program != "python" or not script or not (REPOSITORY_ROOT / script).is_file():
            yield f"{found.name}: {container.get('command')} is no root of this repository"
        if script == "worker.py" and (arguments[1:] != [*arguments[1:2]] or arguments[1] not in FAMILY_ROOTS):
            yield f"{found.name}: worker.py knows no {arguments[1:]}"


def is_told_settings(among: Documents) -> Iterator[str]:
    for found in workloads(among):
        for name in found.environment(among):
            is_file = name.removesuffix("_FILE") in _SECRETS and name.endswith("_FILE")
            if found.is_ours and name not in _SETTINGS and not is_file:
                yield f"{found.name}: {name} is no setting"
            if not found.is_ours and name not in _FOREIGN:
                yield f"{found.name}: {name} is not known here"


def holds_no_secret(among: Documents) -> Iterator[str]:
    """Secrets are referred to; an example stands in docs/kubernetes.md."""
    for document in of_kind(among, "Secret"):
        yield f"{document['metadata']['name']}: a Secret among the manifests"
    for document in of_kind(among, "ConfigMap"):
        for name in _SECRETS & set(document["data"]):
            yield f"{document['metadata']['name']}: {name} in a ConfigMap"
    for found, container in _containers(among):
        for entry in container.get("env", ()):
            if "value" in entry and (entry["name"] in _SECRETS or entry["name"].endswith("PASSWORD")):
                yield f"{found.name}: {entry['name']} stands there as it is"


def writes_only_where_it_may(among: Documents) -> Iterator[str]:
    """DATA_DIR and /tmp are volumes, and what fills them takes nothing of the node's that is not counted."""
    for found in workloads(among):
        claims = {claim["metadata"]["name"] for claim in found.spec.get("volumeClaimTemplates", ())}
        volumes = {volume["name"]: volume for volume in found.pod.get("volumes", ())}
        sizes = [quantity(size) for volume in volumes.values() if (size := _size_of(volume))]
        for container in found.containers:
            mounted = {mount["mountPath"]: mount for mount in container.get("volumeMounts", ())}
            wanted = {_TEMPORARY, found.environment(among).get("DATA_DIR", _TEMPORARY)}
            yield from (
                f"{found.name}: {path} cannot be written to" for path in sorted(wanted) if path not in mounted
            )
            lost = {mount["name"] for mount in mounted.values()} - claims - set(volumes)
            yield from (f"{found.name}: mounts {name}, which is no volume" for name in sorted(lost))
            room = quantity(container.get("resources", {}).get("limits", {}).get("ephemeral-storage", "0"))
            if sum(sizes) > room:
                yield f"{found.name}: its empty folders are larger than its ephemeral-storage"
        for name, volume in volumes.items():
            if "emptyDir" in volume and not _size_of(volume):
                yield f"{found.name}: {name} may fill the node"


def _size_of(volume: Document) -> str:
    return str((volume.get("emptyDir") or {}).get("sizeLimit", ""))


def _containers(among: Documents) -> Iterator[tuple[Workload, Document]]:
    for found in workloads(among):
        for container in found.containers:
            yield found, container
