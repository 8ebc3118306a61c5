"""What a terminal shows of an error: where it came from, and not what variables held."""

import os
import pty
import subprocess
import sys

_PROGRAM = """
from veilgate.telemetry.logging import configure_logging, get_logger
import logging

configure_logging("INFO", process="test")

def ask(key):
    raise ValueError("nobody is there")

for log in (get_logger("ours"), logging.getLogger("a_library")):
    try:
        ask("very" + "-secret")
    except ValueError:
        log.exception("it.failed")
"""


def test_a_traceback_on_a_terminal_shows_no_values() -> None:
    reading, terminal = pty.openpty()
    subprocess.run([sys.executable, "-c", _PROGRAM], stderr=terminal, check=True, timeout=30)
    os.close(terminal)
    shown = os.read(reading, 65_536).decode()
    os.close(reading)
    assert shown.count("ValueError: nobody is there") == shown.count("in ask") == 2
    assert "\x1b[" in shown, "coloured, as on a terminal"
    assert "very-secret" not in shown
