"""Typed access to one table of the manifest: every complaint names the entry."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from veilgate.domain.errors import ConfigurationError

_HEX_DIGITS = frozenset("0123456789abcdef")


class ManifestTable:
    """Getters raise `ConfigurationError`; a key that has a default may be left out."""

    def __init__(self, table: Mapping[str, Any], position: int) -> None:
        self._table = table
        self._name = repr(table["id"]) if isinstance(table.get("id"), str) else f"number {position}"

    def wrong(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"model manifest, entry {self._name}: {what}")

    def has(self, key: str) -> bool:
        return key in self._table

    def value(self, key: str) -> object:
        return self._table.get(key)

    def text(self, key: str) -> str:
        value = self._table.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(f"{key} must be a text")
        return value

    def number(self, key: str, *, low: float, high: float, default: float | None = None) -> float:
        value = self._table.get(key, default)
        if not _is_number(value) or not low <= value <= high:
            raise self.wrong(f"{key} must be a number from {low:g} to {high:g}")
        return float(value)

    def numbers(self, key: str, *, count: int, default: tuple[float, ...]) -> tuple[float, ...]:
        values = self._table.get(key, default)
        if not isinstance(values, list | tuple) or len(values) != count or not all(map(_is_number, values)):
            raise self.wrong(f"{key} must list {count} numbers")
        return tuple(map(float, values))

    def choice(self, key: str, options: type[StrEnum], *, default: StrEnum | None = None) -> str:
        if default is not None and key not in self._table:
            return default
        value = self.text(key)
        if value not in list(options):
            raise self.wrong(f"{key} is {value!r}; it must be one of {', '.join(options)}")
        return value

    def sha256(self, key: str, *, shortest: int = 64) -> str:
        """All 64 digits, or at least the `shortest` first ones."""
        value = self.text(key)
        if not shortest <= len(value) <= 64 or not set(value) <= _HEX_DIGITS:
            some = "" if shortest == 64 else f", or at least the first {shortest},"
            raise self.wrong(f"{key} must be 64 hexadecimal digits{some} in lower case")
        return value

    def refuse_unknown(self, known: frozenset[str]) -> None:
        unknown = sorted(set(self._table) - known)
        if unknown:
            raise self.wrong(f"unknown key {unknown[0]!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
