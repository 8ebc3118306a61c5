"""The code and the table in docs/logs.md name the same events, each a past fact with a dotted name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import Source, package_sources, root_sources

_LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
_EVENT = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
_ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def _said(source: Source) -> Iterator[tuple[str, str]]:
    """Where, and the first argument of `_log.info("…")`, or of `say("…")`, which is one of those."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and _is_log(node.func):
            yield source.place(node), first.value


def _is_log(called: ast.expr) -> bool:
    return (isinstance(called, ast.Attribute) and called.attr in _LEVELS) or (
        isinstance(called, ast.Name) and called.id == "say"
    )


def _all_said() -> list[tuple[str, str]]:
    # The command line has a `say` of its own, which people read.
    logging = [one for one in package_sources() if not one.name.startswith("veilgate.cli")]
    return [said for source in (*logging, *root_sources()) for said in _said(source)]


def test_every_event_has_a_dotted_name() -> None:
    assert [(where, event) for where, event in _all_said() if not _EVENT.fullmatch(event)] == []


def test_the_page_has_every_event_and_no_other(repository_root: Path) -> None:
    page = (repository_root / "docs" / "logs.md").read_text(encoding="utf-8")
    listed = _ROW.findall(page.partition("## Every event")[2])
    assert sorted({event for _, event in _all_said()}) == listed
