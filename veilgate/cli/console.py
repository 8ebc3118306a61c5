"""What the command line says to people, and to the programs that read it."""

import contextlib
import os
import sys

_LONGEST_STATUS = 76


class CommandFailed(Exception):
    """The command cannot go on; the text is the sentence that people read, and the exit code is 1."""


def say(text: str) -> None:
    """Prints one line at once. A closed terminal must not end the process that looks after the others."""
    with contextlib.suppress(OSError):
        print(f"veilgate: {text}" if text else "", flush=True)


def show(text: str) -> None:
    """Prints an answer, as it is. Who reads no further (`… | head`) ends the command without a word."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Or the interpreter would try again at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def complain(text: str) -> None:
    """Prints a line beside the answer: to stderr."""
    with contextlib.suppress(OSError):
        print(f"veilgate: {text}", file=sys.stderr, flush=True)


class StatusLine:
    """One line on a terminal that says how far a long command has got; nothing where nobody watches."""

    def __init__(self) -> None:
        self._is_watched = sys.stderr.isatty()

    def put(self, text: str) -> None:
        """In place of what it said before; the empty text clears it."""
        if self._is_watched:
            end = "\r" if text else "\r\033[K"
            print(f"\r\033[K{text[:_LONGEST_STATUS]}" if text else "", end=end, file=sys.stderr, flush=True)
