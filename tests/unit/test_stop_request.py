"""Requests to end are remembered from the first line on, and nothing is interrupted."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from veilgate.stop_request import StopRequest


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_handlers_hear_of_every_request(number: int) -> None:
    heard: list[int] = []
    stop = StopRequest()
    stop.tell(lambda number, _frame: heard.append(number))
    os.kill(os.getpid(), number)
    assert stop.asked
    os.kill(os.getpid(), number)
    assert heard == [number, number]


def test_who_comes_late_hears_at_once() -> None:
    heard: list[int] = []
    stop = StopRequest()
    os.kill(os.getpid(), signal.SIGTERM)
    stop.tell(lambda number, _frame: heard.append(number))
    assert heard == [signal.SIGTERM]


def test_a_request_during_the_interpreters_end_changes_nothing() -> None:
    script = (
        "import atexit, os, signal; from veilgate.stop_request import StopRequest; stop = StopRequest();"
        "atexit.register(os.kill, os.getpid(), signal.SIGTERM); stop.is_granted()"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
