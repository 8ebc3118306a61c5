"""docs/troubleshooting.md quotes what the code says: each text in the first column of its tables, and each
that it quotes from /health, is in a string of the code, with `…` for what differs."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from tests.architecture.sources import REPOSITORY_ROOT, package_sources, root_sources
from veilgate.domain import errors
from veilgate.settings.groups import GROUPS

PAGE = REPOSITORY_ROOT / "docs" / "troubleshooting.md"
QUOTED = re.compile(r"`([^`]+)`")
# The server's own words.
OF_OTHERS = {"DATABASE_URL: Access denied for user"}
GAP = "…"


@lru_cache
def said() -> tuple[str, ...]:
    """Every string of the code, with a gap for each value that is put into it; docstrings are said too."""
    sources = (*package_sources(), *root_sources())
    found = {text for source in sources for node in ast.walk(source.tree) for text in _texts(node)}
    return (*found, (REPOSITORY_ROOT / "start.sh").read_text(encoding="utf-8"))


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else GAP for part in node.values)
        yield "".join(map(str, parts))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def is_said(text: str) -> bool:
    """Setting names at the beginning may be put in by the code as well."""
    head, separator, rest = text.partition(": ")
    wanted = [text, f"{GAP}{separator}{rest}", rest] if head.isupper() else [text]
    patterns = [r"[^\n]*".join(re.escape(part) for part in one.split(GAP)) for one in wanted]
    return any(re.search(pattern, one) for pattern in patterns for one in said())


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables whose first column has this heading."""
    found: list[list[str]] = []
    is_inside = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|"):
            is_inside = False
        elif cells[0].strip("| ") == heading:
            is_inside = True
        elif is_inside and not line.startswith("|---"):
            found.append(cells)
    return found


def test_every_text_is_said() -> None:
    quoted = {text for cells in rows("it says") for text in QUOTED.findall(cells[0])} - OF_OTHERS
    quoted |= {
        text
        for cells in rows("you see")
        for text in QUOTED.findall(cells[1])
        if text.endswith(".") and " " in text
    }
    assert len(quoted) > 30
    assert sorted(text for text in quoted if not is_said(text)) == []


def test_every_code_and_setting_exists(repository_root: Path) -> None:
    words = set(QUOTED.findall(PAGE.read_text(encoding="utf-8")))
    codes = {
        word
        for cells in rows("you see")
        for word in QUOTED.findall(cells[0])
        if re.fullmatch(r"\w+_\w+", word)
    }
    assert codes <= {kind.code for kind in _kinds(errors.VeilgateError)}
    settings = {name.upper() for group in GROUPS for name in group.model_fields}
    named = {word for word in words if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", word)}
    assert named <= settings | {"DATA_DIR"}


def test_what_nobody_says_would_be_noticed() -> None:
    assert is_said("Veilgate already runs on …")
    assert not is_said("Veilgate runs already on …")
    assert not is_said("DATABASE_URL: nobody says this")


def _kinds(kind: type[errors.VeilgateError]) -> Iterator[type[errors.VeilgateError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)
