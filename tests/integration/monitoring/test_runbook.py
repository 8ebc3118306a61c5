"""docs/runbook.md: a section for each alert and no other, and whatever it tells to type exists."""

import re
import shlex
from pathlib import Path

import pytest

from tests.integration.monitoring.alerts import Alert, alerts
from veilgate.cli.commands import build_parser
from veilgate.settings.groups import GROUPS

SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"python -m veilgate ([^`#\n]+)")
SETTING = re.compile(r"`([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)`")
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


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
