"""The price table as operators write it: a TOML file."""

import tomllib
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from veilgate.domain.cost import EXAMPLE_PRICES, MachinePrice, Prices
from veilgate.domain.errors import ConfigurationError

_SETTING = "PRICES_FILE"
_OF_MACHINES = {"usd_an_hour", "images_a_second", "measured", "here"}
_OF_ALL = {"as_of", "machines", "usd_a_gb_month", "usd_a_device_hour"}


def read_prices(path: str) -> Prices:
    """Those of the file; the examples where none is named. Raises `ConfigurationError`."""
    if not path:
        return EXAMPLE_PRICES
    try:
        written = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{_SETTING}: {path} cannot be read ({type(error).__name__}).") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{_SETTING}: {path} is no TOML: {error}.") from error
    _require_known(written, _OF_ALL, "")
    machines = written.get("machines", {})
    _require_tables(machines)
    as_of = written.get("as_of")
    return Prices(
        f"{Path(path).name}{f', as of {as_of}' if as_of else ''}",
        tuple(_machine(name, row) for name, row in machines.items()),
        usd_a_gb_month=_amount(written, "usd_a_gb_month"),
        usd_a_device_hour=_amount(written, "usd_a_device_hour"),
    )


def _machine(name: str, row: Mapping[str, Any]) -> MachinePrice:
    _require_known(row, _OF_MACHINES, f"machines.{name}.")
    usd_an_hour = _amount(row, "usd_an_hour", f"machines.{name}.")
    if usd_an_hour is None:
        raise ConfigurationError(f"{_SETTING}: machines.{name} needs usd_an_hour.")
    rate = _amount(row, "images_a_second", f"machines.{name}.")
    measured = str(row.get("measured", f"as {_SETTING} says"))
    return MachinePrice(name, usd_an_hour, rate or None, measured, row.get("here", False) is True)


def _amount(row: Mapping[str, Any], name: str, prefix: str = "") -> float | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        raise ConfigurationError(f"{_SETTING}: {prefix}{name} must be a number from 0 up.")
    return float(value)


def _require_known(row: Mapping[str, Any], known: set[str], prefix: str) -> None:
    for name in row.keys() - known:
        raise ConfigurationError(f"{_SETTING}: {prefix}{name} is none of {', '.join(sorted(known))}.")


def _require_tables(machines: object) -> None:
    if not isinstance(machines, dict) or not all(isinstance(row, dict) for row in machines.values()):
        raise ConfigurationError(f"{_SETTING}: machines must be tables, as [machines.cpu].")
