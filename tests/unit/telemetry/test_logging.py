"""What a process says, whoever says it: one form for all, and nothing that variables held."""

import json
import os
import pty
import signal
import subprocess
import sys
from typing import Any

from tests.fixtures.paths import REPOSITORY_ROOT

_BEGIN = """
from veilgate.telemetry.logging import configure_logging, get_logger, log_what_nobody_caught, saying
import logging, sys, threading, warnings

configure_logging("INFO", process="test")
log_what_nobody_caught()
log = get_logger("ours")
"""
_TRACEBACKS = """
def ask(key):
    raise ValueError("nobody is there")

for log in (get_logger("ours"), logging.getLogger("a_library")):
    try:
        ask("very" + "-secret")
    except ValueError:
        log.exception("it.failed")
"""


def said_by(program: str) -> tuple[int, list[dict[str, Any]]]:
    """Its exit code, and its lines."""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", _BEGIN + program],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stderr.splitlines()]


def on_a_terminal(program: str) -> str:
    reading, terminal = pty.openpty()
    command = [sys.executable, "-c", _BEGIN + program]
    subprocess.run(command, cwd=REPOSITORY_ROOT, stderr=terminal, check=True, timeout=30)
    os.close(terminal)
    shown = os.read(reading, 65_536).decode()
    os.close(reading)
    return shown


def test_a_traceback_on_a_terminal_shows_no_values() -> None:
    shown = on_a_terminal(_TRACEBACKS)
    assert shown.count("ValueError: nobody is there") == shown.count("in ask") == 2
    assert "\x1b[" in shown, "coloured, as on a terminal"
    assert "very-secret" not in shown


def test_on_a_terminal_no_text_begins_a_line() -> None:
    shown = on_a_terminal(r"""
log.info("upload.refused", reason="it is\nforged.line \x1b[2J")
logging.getLogger("a_library").warning("says\nforged.line \x1b[2J \x9b2J %s", "\rforged.line")
try:
    raise ValueError("it broke\nforged.line \x1b[2J")
except ValueError:
    log.exception("it.failed")
    logging.getLogger("a_library").exception("it failed there")
""")
    assert "upload.refused" in shown
    assert shown.count("forged.line") == 5
    assert not any(line.startswith("forged") for line in shown.splitlines())
    assert "\x1b[2J" not in shown
    assert "\x9b" not in shown


def test_whatever_ends_badly_says_so_in_the_same_form() -> None:
    code, lines = said_by("""
def fail():
    raise ValueError("in a thread")

class Broken:
    def __del__(self):
        raise ValueError("in a destructor")

thread = threading.Thread(target=fail, name="worker")
thread.start()
thread.join()
del (broken := [Broken()])[0]
warnings.warn("old-fashioned")
logging.getLogger("a_library").warning("two\\nlines")
raise KeyError("at the end")
""")
    assert code == 1
    told = [(line["event"], line["level"]) for line in lines if "logger" not in line]
    assert told == [
        ("thread.died", "critical"),
        ("exception.unraisable", "error"),
        ("process.died", "critical"),
    ]
    assert {line["logger"] for line in lines if "logger" in line} == {"py.warnings", "a_library"}
    assert {line["process"] for line in lines} == {"test"}
    exceptions = [line["exception"] for line in lines if "exception" in line]
    assert [text.splitlines()[-1] for text in exceptions] == [
        "ValueError: in a thread",
        "ValueError: in a destructor",
        "KeyError: 'at the end'",
    ]


def test_a_death_in_native_code_shows_where_it_was() -> None:
    program = (
        _BEGIN
        + """
import os, signal

def ask_the_model(secret):
    os.kill(os.getpid(), signal.SIGSEGV)

ask_the_model("very" + "-secret")
"""
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=REPOSITORY_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in done.stderr
    assert "in ask_the_model" in done.stderr
    assert "very-secret" not in done.stderr


def test_a_thread_names_its_process_and_a_task_what_it_is_about() -> None:
    code, lines = said_by("""
import asyncio

async def look_up(name):
    with saying(job_id=name):
        await asyncio.gather(*(asyncio.create_task(ask()) for _ in range(2)))
    log.info("lookup.over")

async def ask():
    await asyncio.sleep(0)
    log.info("lookup.asked")

async def both():
    await asyncio.gather(look_up("a"), look_up("b"))

thread = threading.Thread(target=lambda: asyncio.run(both()))
thread.start()
thread.join()
""")
    assert code == 0
    assert {line["process"] for line in lines} == {"test"}
    asked = [line["job_id"] for line in lines if line["event"] == "lookup.asked"]
    assert sorted(asked) == ["a", "a", "b", "b"]
    assert all("job_id" not in line for line in lines if line["event"] == "lookup.over")
