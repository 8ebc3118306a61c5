"""Where the processes of this house show their numbers, written down for a Prometheus beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from veilgate.cli.readiness import GatewayAddress
from veilgate.domain.errors import ConfigurationError

_HIGHEST_PORT = 65535


@dataclass(frozen=True)
class MetricsPorts:
    """One port for each process, from `first` on; 0 = none for any."""

    host: str
    first: int

    def port_of(self, number: int) -> int:
        """Of the process that is started as number 0, 1, ... Raises `ConfigurationError` beyond the last."""
        if not self.first:
            return 0
        if (port := self.first + number) > _HIGHEST_PORT:
            raise ConfigurationError(
                f"METRICS_PORT {self.first} leaves no port for each process; the highest is {_HIGHEST_PORT}."
            )
        return port

    def address_of(self, number: int) -> GatewayAddress:
        """Where this machine reaches it."""
        return GatewayAddress(self.host, self.port_of(number))


def write_targets(data_dir: Path, ports: MetricsPorts, families: Mapping[str, str]) -> None:
    """Write DATA_DIR/metrics/targets.json, as Prometheus' `file_sd_configs` reads it, at once: Prometheus
    sees the old list or the new one. `families` has each process' by its name, in the order of their
    start."""
    targets = [
        {"targets": [ports.address_of(number).authority], "labels": {"process": family}}
        for number, family in enumerate(families.values())
    ]
    folder = data_dir / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / "targets.json.new"
    new.write_text(json.dumps(targets if ports.first else [], indent=1) + "\n")
    new.replace(folder / "targets.json")
