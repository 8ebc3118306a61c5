"""What the command line says to people."""

import contextlib


class CommandFailed(Exception):
    """The command cannot go on; the text is the sentence that people read, and the exit code is 1."""


def say(text: str) -> None:
    """Prints one line at once. A closed terminal must not end the process that looks after the others."""
    with contextlib.suppress(OSError):
        print(f"veilgate: {text}" if text else "", flush=True)
