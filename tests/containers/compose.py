"""What a compose file says, as data, with the defaults of its variables."""

import re
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.fixtures.paths import REPOSITORY_ROOT

Service = dict[str, Any]
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::-([^}]*))?\}")


class Compose:
    """`services` by name; `document` is the whole."""

    def __init__(self, file: str, **variables: str) -> None:
        text = (REPOSITORY_ROOT / file).read_text(encoding="utf-8")

        def put(found: re.Match[str]) -> str:
            return "$" if found[0] == "$$" else variables.get(found[1], found[2] or "")

        self.document: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(put, text))

    @cached_property
    def services(self) -> dict[str, Service]:
        services: dict[str, Service] = self.document["services"]
        return services

    def ours(self) -> dict[str, Service]:
        """The services whose image is built here."""
        return {name: service for name, service in self.services.items() if "build" in service}

    def mounts(self, service: Service) -> list[tuple[str, str]]:
        """Where something comes from (nothing for a volume without a name), and where it is put."""
        found = (entry.split(":") for entry in service.get("volumes", ()))
        return [("", words[0]) if len(words) == 1 else (words[0], words[1]) for words in found]


def seconds(duration: str) -> float:
    [number, unit] = re.fullmatch(r"([\d.]+)(s|m|h)", duration).groups()  # type: ignore[union-attr]
    return float(number) * {"s": 1, "m": 60, "h": 3600}[unit]


def exists(path: str) -> bool:
    return Path(REPOSITORY_ROOT / path).exists()
