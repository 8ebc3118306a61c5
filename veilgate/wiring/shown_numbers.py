"""What every process does to be seen by Prometheus: its port, which version runs, and on what."""

from contextlib import ExitStack

from config import Config
from veilgate import __version__
from veilgate.telemetry.machine import tell_of_machine
from veilgate.telemetry.metrics_port import open_metrics_port
from veilgate.telemetry.readings import BUILD, look_when_asked


def show_numbers(config: Config, stack: ExitStack, *, process: str) -> None:
    """From now on until `stack` closes. `process` is the family: what Prometheus calls it, too."""
    look_when_asked(lambda: [BUILD.at(1, __version__, process)])
    tell_of_machine(config.storage.data_dir)
    settings = config.telemetry
    open_metrics_port(settings.metrics_host, settings.metrics_port, stack)
