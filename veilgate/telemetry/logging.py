"""Structured logs: JSON lines, or coloured ones on a terminal; a correlation id on each that has one.

Events are past facts with a dotted name (`job.claimed`), each in the table of docs/logs.md. Lines of
libraries have what they say for an event, and a `logger`. Nothing personal goes in: no file names, pixels,
keys, or addresses.
"""

import faulthandler
import logging
import sys
import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import structlog


def configure_logging(level: str, *, process: str) -> None:
    """Send our logs and those of libraries to stderr in one form, each line naming the process. Libraries are
    heard from INFO up: below that, that of S3 writes down every request with the keys and tokens in it."""

    def name_process(_logger: object, _method: str, line: dict[str, Any]) -> dict[str, Any]:
        # Not a context variable: threads begin without those of whoever started them.
        line["process"] = process
        return line

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_process,
        structlog.processors.format_exc_info,
    ]
    last = _last_processors()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(level="INFO" if level == "DEBUG" else level, handlers=[handler], force=True)
    for chatty in ("rq.worker", "alembic", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Warns of every malformed body, which is the caller's business and answered as such.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    # Our own lines go straight out: by way of the standard library, answers about jobs came at 0.42 to 0.53
    # of a bare route's speed in place of 0.52 to 0.71.
    structlog.configure(
        processors=[*shared, *last],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )


def log_what_nobody_caught() -> None:
    """For a process of the house: if it, one of its threads or a destructor dies of an exception, or Python
    warns, the log says so in its own form. Of a death in native code it shows, as text, where that was."""
    log = get_logger(__name__)

    def process_died(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, traceback)
        else:
            log.critical("process.died", exc_info=(kind, error, traceback))

    def thread_died(died: threading.ExceptHookArgs) -> None:
        name = died.thread.name if died.thread else None
        log.critical("thread.died", thread=name, exc_info=died.exc_value)

    def unraisable(died: Any) -> None:
        # What it happened in is not shown: its `repr` may hold anything.
        log.error("exception.unraisable", exc_info=died.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = process_died, thread_died, unraisable
    logging.captureWarnings(True)
    faulthandler.enable()


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


def saying(**facts: str | None) -> AbstractContextManager[object]:
    """Within it, each line of this thread or task, and of tasks that it starts, says these facts too."""
    return structlog.contextvars.bound_contextvars(**facts)


def current_correlation_id() -> str | None:
    """That of the request which is being answered here, if any is."""
    correlation_id: str | None = structlog.contextvars.get_contextvars().get("correlation_id")
    return correlation_id


def _last_processors() -> list[Any]:
    if not sys.stderr.isatty():
        return [structlog.processors.JSONRenderer()]
    # Its own tracebacks, where rich is installed, show what variables hold: keys among it.
    console = structlog.dev.ConsoleRenderer(
        exception_formatter=structlog.dev.plain_traceback, repr_native_str=True
    )
    return [_keep_in_place, console]


def _keep_in_place(_logger: object, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Whatever a text holds, on a terminal it neither begins a line that looks like ours nor does anything
    but to be read. The renderer quotes all but these two."""
    line["event"] = _readable(str(line["event"]))
    if "exception" in line:
        line["exception"] = "\n".join(f"  {_readable(part)}" for part in line["exception"].split("\n"))
    return line


def _readable(text: str) -> str:
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
