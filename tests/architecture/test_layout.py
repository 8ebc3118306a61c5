"""Where things live, and what they may be called."""

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import Source, package_sources, root_sources, sources_of_tests
from tests.suites import SUITES

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base"}
PRINTERS = ("veilgate.cli", "init_database")
PRODUCT = (*package_sources(), *root_sources())


def named(sources: tuple[Source, ...]) -> list[object]:
    return [pytest.param(source, id=source.name) for source in sources]


@pytest.mark.parametrize("source", named((*PRODUCT, *sources_of_tests())))
def test_names_say_what_is_inside(source: Source) -> None:
    words = {word for part in source.name.split(".") for word in part.split("_")}
    assert not words & EMPTY_NAMES, f"{source.name}: name the noun that lives there"


def test_every_package_folder_has_an_init(repository_root: Path) -> None:
    folders = {source.path.parent for source in package_sources()}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize(
    "source", named(tuple(source for source in package_sources() if source.path.name == "__init__.py"))
)
def test_inits_import_nothing(source: Source) -> None:
    assert list(source.imports()) == [], f"{source.name}: importing a package must cost nothing"
    assert len(source.text.splitlines()) <= 10


@pytest.mark.parametrize("source", named(PRODUCT))
def test_only_the_command_line_prints(source: Source) -> None:
    if source.name.startswith(PRINTERS):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{source.place(node)}: log it instead"


def test_suites_are_the_folders_with_tests(repository_root: Path) -> None:
    files = (repository_root / "tests").rglob("test_*.py")
    folders = {path.relative_to(repository_root / "tests").parts[0] for path in files}
    assert folders == {suite.name for suite in SUITES}
