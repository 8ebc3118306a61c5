"""The house's own Python files, parsed, for the rules of this folder."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

REPOSITORY_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Import:
    """One imported module, e.g. `veilgate.domain.errors`, and where it is imported."""

    module: str
    where: str


@dataclass(frozen=True)
class Source:
    """One file; `name` is its module, e.g. `veilgate.domain.errors` or `config`."""

    path: Path

    @cached_property
    def name(self) -> str:
        parts = self.path.relative_to(REPOSITORY_ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    def place(self, node: ast.stmt | ast.expr) -> str:
        return f"{self.path.relative_to(REPOSITORY_ROOT)}:{node.lineno}"

    def imports(self) -> Iterator[Import]:
        """Every import, also inside functions. `from a import b` counts as `a.b` if that is a module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, self.place(node))
            elif isinstance(node, ast.ImportFrom):
                module = self._absolute(node)
                for alias in node.names:
                    inner = f"{module}.{alias.name}"
                    yield Import(inner if is_our_module(inner) else module, self.place(node))

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.split(".") if self.path.name == "__init__.py" else self.name.split(".")[:-1]
        base = package[: len(package) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])


def is_our_module(name: str) -> bool:
    path = REPOSITORY_ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@lru_cache(maxsize=1)
def package_sources() -> tuple[Source, ...]:
    return tuple(Source(path) for path in sorted((REPOSITORY_ROOT / "veilgate").rglob("*.py")))


@lru_cache(maxsize=1)
def root_sources() -> tuple[Source, ...]:
    """What an operator starts and reads first."""
    return tuple(Source(path) for path in sorted(REPOSITORY_ROOT.glob("*.py")))


@lru_cache(maxsize=1)
def migration_sources() -> tuple[Source, ...]:
    return tuple(Source(path) for path in sorted((REPOSITORY_ROOT / "migrations").rglob("*.py")))


@lru_cache(maxsize=1)
def sources_of_tests() -> tuple[Source, ...]:
    return tuple(Source(path) for path in sorted((REPOSITORY_ROOT / "tests").rglob("*.py")))


def within(module: str, *homes: str) -> bool:
    """Whether `module` is one of `homes` or lies inside one."""
    return any(module == home or module.startswith(f"{home}.") for home in homes)
