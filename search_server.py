"""The search server: owns the vector index, embeds query pictures, and answers gateways. Any number may run.

Imports next to nothing: decode children import this module again, because it is their parent's main module,
and requests to end are heard from the line on that says so.
"""

import os
import sys
from contextlib import ExitStack

from veilgate.stop_request import StopRequest


def main(stop: StopRequest) -> int:
    from config import require_config
    from veilgate.domain.errors import ConfigurationError, VeilgateError
    from veilgate.telemetry import failpoints
    from veilgate.telemetry.logging import configure_logging, get_logger, log_what_nobody_caught

    config = require_config()
    configure_logging(config.telemetry.log_level, process="search")
    log_what_nobody_caught()
    try:
        failpoints.arm(config.telemetry.failpoints)
        from veilgate.wiring.search_process import run
        from veilgate.wiring.shown_numbers import show_numbers

        with ExitStack() as stack:
            # Before an index is loaded: whoever probes must not take a long start for a death.
            show_numbers(config, stack, process="search")
            run(config, stack, stop)
    except VeilgateError as error:
        get_logger(__name__).error("search.cannot_run", code=error.code, reason=error.message)
        # Starting again would not help: `veilgate up` gives up at once.
        return os.EX_CONFIG if isinstance(error, ConfigurationError) else 1
    return 0


if __name__ == "__main__":
    stop_request = StopRequest()
    exit_code = main(stop_request)
    stop_request.is_granted()
    sys.exit(exit_code)
