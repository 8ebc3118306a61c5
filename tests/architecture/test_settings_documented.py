"""What the docs and .env.example say about settings is what config.py has: no more, no less, same defaults.

docs/configuration.md: a table row | `NAME` | default | what it does |. .env.example: a line `# NAME=default`.
"""

import re
from pathlib import Path

from pydantic import SecretStr

from veilgate.settings.groups import GROUPS

TABLE_ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \| ([^|]*?) \|", re.MULTILINE)
EXAMPLE_LINE = re.compile(r"^# ?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


def settings() -> dict[str, str]:
    """Name and default of every field, written as an operator would write it."""
    fields = {name.upper(): field for group in GROUPS for name, field in group.model_fields.items()}
    return {name: plain(field.default) for name, field in fields.items()}


def test_the_readme_names_only_settings_that_exist(repository_root: Path) -> None:
    rows = dict(TABLE_ROW.findall((repository_root / "README.md").read_text(encoding="utf-8")))
    expected = settings()
    assert rows
    assert {name: cell.strip("`") for name, cell in rows.items()} == {name: expected[name] for name in rows}


def plain(default: object) -> str:
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_names_are_unique_across_groups() -> None:
    names = [name for group in GROUPS for name in group.model_fields]
    assert sorted(names) == sorted(set(names))


def test_every_setting_says_what_it_does() -> None:
    for group in GROUPS:
        for name, field in group.model_fields.items():
            assert field.description, f"{name.upper()} has no description"


def test_the_page_lists_every_setting_with_its_default(repository_root: Path) -> None:
    page = (repository_root / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = dict(TABLE_ROW.findall(page))
    written = {name: cell.replace(",", "").replace("_", "").strip("`") for name, cell in rows.items()}
    expected = {name: default.replace("_", "") for name, default in settings().items()}
    blank = {name for name, default in expected.items() if default == ""}
    assert set(written) == set(expected)
    assert {name: cell for name, cell in written.items() if name not in blank} == {
        name: default for name, default in expected.items() if name not in blank
    }


def test_env_example_lists_every_setting_with_its_default(repository_root: Path) -> None:
    lines = EXAMPLE_LINE.findall((repository_root / ".env.example").read_text(encoding="utf-8"))
    assert dict(lines) == settings()
    assert len(lines) == len(dict(lines))
