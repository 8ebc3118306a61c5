"""A worker process of one family: settings → resources → models → work.

`python worker.py images` veils pictures; `lookups` asks what they show; `deliveries` sends events to
webhooks; `reconciler` puts right what crashes left behind.

Imports next to nothing: decode children import this module again, because it is their parent's main module,
and requests to end are heard from the line on that says so.
"""

import os
import sys
from contextlib import ExitStack
from importlib import import_module

from veilgate.stop_request import StopRequest

# The root that wires each family; every one has `run(config, stack, stop)`.
FAMILY_ROOTS = {
    "images": "veilgate.wiring.images_worker",
    "lookups": "veilgate.wiring.lookups_worker",
    "deliveries": "veilgate.wiring.deliveries_worker",
    "reconciler": "veilgate.wiring.reconciler_worker",
}
# Started again it may work, once somebody has looked at the device.
EXIT_DEVICE_LOST = os.EX_OSERR


def main(arguments: list[str], stop: StopRequest) -> int:
    if len(arguments) != 1 or arguments[0] not in FAMILY_ROOTS:
        sys.stderr.write(f"usage: python worker.py {{{'|'.join(FAMILY_ROOTS)}}}\n")
        return 2
    from config import require_config
    from veilgate.domain.errors import ConfigurationError, DeviceLost, VeilgateError
    from veilgate.telemetry import failpoints
    from veilgate.telemetry.logging import configure_logging, get_logger, log_what_nobody_caught
    from veilgate.wiring.shown_numbers import show_numbers

    config = require_config()
    configure_logging(config.telemetry.log_level, process=config.worker.name(os.getpid()))
    log_what_nobody_caught()
    try:
        failpoints.arm(config.telemetry.failpoints)
        with ExitStack() as stack:
            # Before models are loaded: whoever probes must not take a long start for a death.
            show_numbers(config, stack, process=arguments[0])
            import_module(FAMILY_ROOTS[arguments[0]]).run(config, stack, stop)
    except VeilgateError as error:
        get_logger(__name__).error("worker.cannot_run", code=error.code, reason=error.message)
        if isinstance(error, DeviceLost):
            return EXIT_DEVICE_LOST
        # Starting again would not help: `veilgate up` gives up at once.
        return os.EX_CONFIG if isinstance(error, ConfigurationError) else 1
    return 0


if __name__ == "__main__":
    stop_request = StopRequest()
    exit_code = main(sys.argv[1:], stop_request)
    stop_request.is_granted()
    sys.exit(exit_code)
