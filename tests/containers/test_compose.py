"""docker-compose.yml against the code and against what a house on one machine must keep to."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.containers.compose import Compose, Service, exists, seconds
from tests.containers.dockerfile import Dockerfile
from tests.fixtures.object_server import KEYS
from tests.fixtures.paths import REPOSITORY_ROOT
from veilgate import __version__
from veilgate.cli.supervisor import RestartPolicy
from veilgate.settings.group import Group
from veilgate.settings.groups import GROUPS
from veilgate.settings.secret_files import secret_names
from worker import FAMILY_ROOTS

FILES = ("docker-compose.yml", "docker-compose.test.yml")
COMPOSE = Compose("docker-compose.yml")
DOCKERFILE = Dockerfile((REPOSITORY_ROOT / "Dockerfile").read_text(encoding="utf-8"))
PROCESSES = (
    "gateway",
    "images-worker",
    "images-worker-gpu",
    "lookups-worker",
    "deliveries",
    "reconciler",
    "search",
)
# Which end by themselves, and whom others wait for.
ONCE = ("first-start", "bucket", "migrate")
SETTINGS = {name.upper() for group in GROUPS for name in group.model_fields}
SECRET_FILES = {f"{name.upper()}_FILE" for group in GROUPS for name in secret_names(group)}
# What compose calls the parts of a service that ours use.
KNOWN = frozenset(
    (
        *("build", "cap_drop", "command", "depends_on", "deploy", "entrypoint", "env_file", "environment"),
        *("group_add", "healthcheck", "image", "init", "logging", "network_mode", "networks", "ports"),
        *(
            "profiles",
            "read_only",
            "restart",
            "security_opt",
            "stop_grace_period",
            "tmpfs",
            "user",
            "volumes",
        ),
    )
)


def services(*files: str) -> list[object]:
    return [
        pytest.param(Compose(file), service, id=f"{file}-{name}")
        for file in files
        for name, service in Compose(file).services.items()
    ]


every_service = pytest.mark.parametrize(("compose", "service"), services(*FILES))
# What is started for tests is thrown away, and installs packages as root.
every_lasting_service = pytest.mark.parametrize(("compose", "service"), services(FILES[0]))
every_process = pytest.mark.parametrize("name", PROCESSES)


@every_service
def test_its_parts_are_known_to_compose(compose: Compose, service: Service) -> None:
    assert set(service) <= KNOWN
    assert set(service.get("healthcheck", ())) <= {
        "test",
        "interval",
        "timeout",
        "start_period",
        "retries",
        "disable",
    }
    assert set(service.get("build", ())) <= {"context", "target"}


@every_service
def test_its_image_has_a_version(compose: Compose, service: Service) -> None:
    name, _, tag = service["image"].rpartition(":")
    assert name
    assert re.search(r"\d+\.\d+|RELEASE\.\d{4}-", tag), service["image"]
    if "build" in service:
        assert service["image"] == f"veilgate-{service['build']['target']}:{__version__}"
        assert service["build"]["target"] in DOCKERFILE.stages


@every_lasting_service
def test_it_may_do_little(compose: Compose, service: Service) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["logging"]["options"]["max-size"]
    limits = service["deploy"]["resources"]["limits"]
    assert limits["memory"]
    assert limits["pids"]
    assert "privileged" not in service


@every_service
def test_others_machines_cannot_reach_it(compose: Compose, service: Service) -> None:
    for port in service.get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@every_service
def test_what_it_names_is_there(compose: Compose, service: Service) -> None:
    for source, _ in compose.mounts(service):
        named = source.startswith("./") or not source or source in compose.document["volumes"]
        assert named, source
        assert not source.startswith("./") or exists(source), source
    assert set(service.get("networks", ())) <= set(compose.document["networks"])
    for waited_for, how in service.get("depends_on", {}).items():
        other = compose.services[waited_for]
        ends_by_itself = other["restart"].startswith("on-failure")
        assert ends_by_itself == (how["condition"] == "service_completed_successfully"), waited_for
        if how["condition"] == "service_healthy":
            assert "healthcheck" in other, waited_for


def test_secrets_come_from_files() -> None:
    for name, service in COMPOSE.services.items():
        for variable, value in service.get("environment", {}).items():
            secret = re.search(r"PASSWORD|SECRET|_KEY|TOKEN|DATABASE_URL|REDIS_URL", variable)
            if secret and not variable.startswith("GF_"):
                assert variable.endswith("_FILE") or not value, f"{name}: {variable}"


@every_process
def test_its_variables_are_settings(name: str) -> None:
    environment = COMPOSE.services[name]["environment"]
    assert set(environment) <= SETTINGS | SECRET_FILES
    for group in GROUPS:
        assert_taken(group, environment)


def assert_taken(group: type[Group], environment: dict[str, str]) -> None:
    given = {name: environment[name.upper()] for name in group.model_fields if environment.get(name.upper())}
    group.model_validate(given)


@every_process
def test_what_env_says_of_bare_metal_does_not_reach_it(name: str) -> None:
    """`.env` is read by both: what only fits one machine is said anew."""
    service = COMPOSE.services[name]
    assert service["env_file"] == [{"path": ".env", "required": False}]
    own = {"HOST", "PORT", "DATA_DIR", "DATABASE_URL", "REDIS_URL", "S3_BUCKET", "S3_ENDPOINT_URL"}
    own |= {"SEARCH_URL", "SEARCH_HOST", "SEARCH_PORT", "METRICS_HOST", "METRICS_PORT"}
    assert own <= set(service["environment"])


@every_process
def test_it_is_a_process_of_the_house(name: str) -> None:
    service = COMPOSE.services[name]
    python, script, *words = (
        service.get("command") or DOCKERFILE.last(service["build"]["target"], "CMD").words
    )
    assert python == "python"
    assert (REPOSITORY_ROOT / script).is_file()
    assert script != "worker.py" or words[0] in FAMILY_ROOTS
    # With the packages that it needs.
    heavy = script == "search_server.py" or words == ["images"]
    assert service["build"]["target"].startswith("worker") == heavy


@every_process
def test_it_is_given_the_time_that_it_may_take_to_end(name: str) -> None:
    """`veilgate up` ends by force after this time, and nothing of ours takes as long."""
    assert seconds(COMPOSE.services[name]["stop_grace_period"]) > RestartPolicy().drain_s
    assert COMPOSE.services[name]["init"] is True


def test_all_families_have_a_service() -> None:
    words = {tuple(COMPOSE.services[name].get("command", ())[2:]) for name in PROCESSES}
    assert {(family,) for family in FAMILY_ROOTS} <= words


@every_process
def test_whoever_writes_has_somewhere_to_write(name: str) -> None:
    """A gateway receives uploads, the search server keeps its index, and models are fetched."""
    service = COMPOSE.services[name]
    places = {target for _, target in COMPOSE.mounts(service)}
    wanted = {"gateway": {"/data"}, "search": {"/data", "/data/models"}}
    images = {"/data/models"} if name.startswith("images") else set()
    assert places - {"/secrets"} == wanted.get(name, images)
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - in a container


def test_gateways_share_nothing() -> None:
    sources = [source for source, target in COMPOSE.mounts(COMPOSE.services["gateway"]) if target == "/data"]
    assert sources == [""], "a volume without a name is each container's own"
    assert COMPOSE.services["gateway"]["deploy"]["replicas"] >= 2


def test_only_nginx_is_believed() -> None:
    [network] = COMPOSE.document["networks"]["edge"]["ipam"]["config"]
    assert COMPOSE.services["gateway"]["environment"]["TRUSTED_PROXIES"] == network["subnet"]
    there = {name for name, service in COMPOSE.services.items() if "edge" in service.get("networks", ())}
    assert there == {"nginx", "gateway", "k6"}


def test_data_has_no_way_out() -> None:
    assert COMPOSE.document["networks"]["house"] == {"internal": True}
    for name in ("mysql", "redis", "migrate", "bucket", "reconciler"):
        assert COMPOSE.services[name]["networks"] == ["house"]


def test_who_asks_nobody_who_they_are_is_not_published() -> None:
    """Alertmanager lets pages of every site call, and silence alerts."""
    published = {name for name, service in COMPOSE.services.items() if "ports" in service}
    assert published == {"nginx", "minio", "prometheus", "grafana"}


def test_nginx_has_as_many_processes_as_it_may() -> None:
    conf = (REPOSITORY_ROOT / "nginx" / "compose.conf").read_text(encoding="utf-8")
    [workers] = re.findall(r"worker_processes (\d+);", conf)
    assert int(workers) < COMPOSE.services["nginx"]["deploy"]["resources"]["limits"]["pids"]


def test_the_readme_s_port_leads_to_nginx() -> None:
    assert COMPOSE.services["nginx"]["ports"][0] == "127.0.0.1:8000:8000"
    assert COMPOSE.services["gateway"]["environment"]["ALLOW_ANONYMOUS"] == 1
    conf = (REPOSITORY_ROOT / "nginx" / "compose.conf").read_text(encoding="utf-8")
    published = [port.rpartition(":")[2] for port in COMPOSE.services["nginx"]["ports"]]
    for default in ("", " default_server"):
        assert re.findall(rf"listen (\d+)(?: ssl http2)?{default};", conf) == published
    mounted = {target: source for source, target in COMPOSE.mounts(COMPOSE.services["nginx"])}
    assert mounted["/etc/veilgate/nginx"] == "./nginx"
    certificates = {Path(path).parent for path in re.findall(r"ssl_certificate\w* (\S+);", conf)}
    assert {str(folder) for folder in certificates} <= set(mounted)


def test_prometheus_looks_at_all_processes() -> None:
    text = (REPOSITORY_ROOT / "monitoring" / "prometheus.yml").read_text(encoding="utf-8")
    [scraped] = re.findall(r"names:\n((?:\s+- \S+.*\n)+)", text)
    assert set(re.findall(r"- (\S+)", scraped)) == set(PROCESSES)
    port = COMPOSE.services["gateway"]["environment"]["METRICS_PORT"]
    assert f"port: {port}" in text
    asked = str(COMPOSE.services["alertmanager"]["healthcheck"]["test"][-1])
    assert f"- targets: [alertmanager:{urlsplit(asked).port}]" in text
    for name in PROCESSES:
        assert "house" in COMPOSE.services[name]["networks"]
        assert f"http://127.0.0.1:{port}" not in str(COMPOSE.services[name].get("ports"))


@pytest.mark.parametrize("name", [name for name in COMPOSE.services if name not in ONCE and name != "k6"])
def test_what_runs_says_whether_it_is_well(name: str) -> None:
    service = COMPOSE.services[name]
    assert service["restart"] == "unless-stopped"
    assert "test" in service.get("healthcheck", {}) or name in PROCESSES, "ours ask in the image"


def test_profiles_add_what_not_every_machine_has() -> None:
    profiles = {
        name: service["profiles"] for name, service in COMPOSE.services.items() if "profiles" in service
    }
    assert profiles == {"images-worker-gpu": ["gpu"], "k6": ["load"]}
    [device] = COMPOSE.services["images-worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}


def test_tests_meet_the_servers_that_the_house_is_run_with() -> None:
    tests = Compose("docker-compose.test.yml")
    for name in ("mysql", "redis", "minio"):
        assert tests.services[name]["image"] == COMPOSE.services[name]["image"]
    environment = tests.services["tests"]["environment"]
    keys = tests.services["minio"]["environment"]
    assert (keys["MINIO_ROOT_USER"], keys["MINIO_ROOT_PASSWORD"]) == tuple(KEYS.values())
    fixtures = "".join(
        path.read_text(encoding="utf-8") for path in (REPOSITORY_ROOT / "tests/fixtures").glob("*.py")
    )
    for variable, address in environment.items():
        assert f'"{variable}"' in fixtures
        assert urlsplit(address).hostname in tests.services
    assert all(exists(word) for word in tests.services["tests"]["command"] if word.startswith("tests/"))


def test_grafana_finds_dashboards_and_prometheus() -> None:
    mounted = {target: source for source, target in COMPOSE.mounts(COMPOSE.services["grafana"])}
    provisioning = REPOSITORY_ROOT / mounted["/etc/grafana/provisioning"]
    said = "".join(path.read_text(encoding="utf-8") for path in sorted(provisioning.rglob("*.y*ml")))
    [dashboards] = re.findall(r"path: (\S+)", said)
    assert list((REPOSITORY_ROOT / mounted[dashboards]).glob("*.json"))
    port = COMPOSE.services["prometheus"]["ports"][0].rpartition(":")[2]
    assert f"http://prometheus:{port}" in said


def test_k6_reads_what_it_is_given() -> None:
    k6 = COMPOSE.services["k6"]
    mounted = {target: source for source, target in COMPOSE.mounts(k6)}
    folder = REPOSITORY_ROOT / mounted["/load-tests"]
    assert (folder / k6["command"][-1].removeprefix("/load-tests/")).is_file()
    code = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.js"))
    assert {name for name in k6["environment"] if f"__ENV.{name}" not in code} == {"K6_NO_USAGE_REPORT"}
