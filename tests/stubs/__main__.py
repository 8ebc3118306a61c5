"""`python -m tests.stubs`: every stub until Ctrl-C, with the settings of a house that is to ask them."""

import argparse
import signal
import sys

from tests.stubs.serving import Stubs


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.stubs", description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer (0)")
    latency_s = parser.parse_args().latency
    stubs = Stubs()
    for desk in stubs.desks.values():
        desk.latency_s = latency_s
    for name, value in stubs.settings().items():
        sys.stdout.write(f"{name}={value}\n")
    sys.stdout.write(f"CONTROL_URL={stubs.urls['control']}\n\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    stubs.close()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
