"""docs/runbook.md: a section for each alert and no other, and whatever it tells to type exists."""

import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.integration.monitoring.alerts import Alert, alerts
from veilgate.cli.commands import build_parser
from veilgate.settings.groups import GROUPS

SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"python -m veilgate ([^`#\n]+)")
SETTING = re.compile(r"`([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)`")
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What stands before the command that is run inside a container, and is not run here.
STAND_INS = """
docker() { test "$1 $2 $3 $4" = "compose exec -T gateway" && shift 4 && "$@"; }
kubectl() { test "$1 $2 $3 $4 $5" = "-n veilgate exec deployment/gateway --" && shift 5 && "$@"; }
python() { python3 "$@"; }
"""
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
PAGES = ("runbook.md", "monitoring.md")
SAID = ("callers notice", "**look first", "usual causes", "mend", "**mended when**")


@pytest.fixture(scope="module")
def sections(repository_root: Path) -> dict[str, str]:
    return dict(SECTION.findall((repository_root / "docs" / "runbook.md").read_text(encoding="utf-8")))


def test_each_alert_has_its_section_and_each_section_its_alert(sections: dict[str, str]) -> None:
    assert set(sections) == {alert.name for alert in alerts()}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_a_section_says_what_to_do(alert: Alert, sections: dict[str, str]) -> None:
    text = sections[alert.name]
    assert text.lstrip().startswith(f"*{alert.labels['severity']}.*")
    assert [words for words in SAID if words not in text.lower()] == []


@pytest.mark.parametrize("page", PAGES)
def test_what_is_to_be_typed_exists(page: str, repository_root: Path) -> None:
    text = (repository_root / "docs" / page).read_text(encoding="utf-8")
    for command in COMMAND.findall(text):
        build_parser().parse_args(shlex.split(command))


@pytest.mark.parametrize("page", PAGES)
def test_settings_and_links_lead_somewhere(page: str, repository_root: Path) -> None:
    path = repository_root / "docs" / page
    text = path.read_text(encoding="utf-8")
    settings = {name.upper() for group in GROUPS for name in group.model_fields}
    assert set(SETTING.findall(text)) <= settings
    for target, anchor in LINK.findall(text):
        linked = path.parent / target if target else path
        assert linked.exists(), target
        if anchor:
            assert anchor in _anchors(linked), f"{target}#{anchor}"


@pytest.mark.parametrize("place", ["make run", "docker", "kubectl"])
def test_numbers_are_had_in_each_place(place: str, repository_root: Path) -> None:
    first, numbers, *_ = SHELL.findall((repository_root / "docs" / "runbook.md").read_text(encoding="utf-8"))
    [look] = [
        one for one in numbers.splitlines() if f"{{ {place}" in one or (place == "make run" and "curl" in one)
    ]
    with _pages() as (port, asked):
        script = (
            f"{STAND_INS}{first}{look}\nnumbers | grep veilgate_queue\nask /health\nkey=abc\nask /health\n"
        )
        script = script.replace("9464", str(port)).replace("8000", str(port))
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.splitlines() == ["veilgate_queue_waiting 3"] * 3, done.stderr
    assert asked == [("/metrics", None), ("/health", None), ("/health", "Bearer abc")]


def test_sections_ask_as_every_place_can(sections: dict[str, str]) -> None:
    for text in sections.values():
        assert "curl" not in text
        assert re.findall(r"kubectl (?!-n veilgate )", text) == []


@contextmanager
def _pages() -> Iterator[tuple[int, list[tuple[str, str | None]]]]:
    """A server that answers each page with a number, and what was asked of it, with which key."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"veilgate_queue_waiting 3\n")

        def log_message(self, *_arguments: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join()


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
