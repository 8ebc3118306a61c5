"""Pages that have people type `python` say which one: Debian has none of that name."""

import re
from pathlib import Path

SENTENCE = (
    "In commands `python` is `.venv/bin/python` of Veilgate's folder; in its containers `python` is right."
)
COMMAND = re.compile(r"(?<![/\w.])python (?:-m veilgate|init_database\.py|bench/load\.py)")


def test_pages_say_which_python_they_mean(repository_root: Path) -> None:
    pages = sorted((repository_root / "docs").glob("*.md"))
    telling = {page.name for page in pages if SENTENCE in page.read_text(encoding="utf-8").splitlines()}
    typing = {page.name for page in pages if any(map(_is_typed, page.read_text("utf-8").splitlines()))}
    assert typing == telling
    assert len(typing) > 10


def _is_typed(line: str) -> bool:
    """By somebody in a shell of the machine, not in a container."""
    return bool(COMMAND.search(line)) and not re.search(r"kubectl|docker", line)
