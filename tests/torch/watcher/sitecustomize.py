"""Found by every Python that has this folder in PYTHONPATH.

Writes down what it opens for writing, and whom it asks or calls on the network, in the file WATCH_LOG names.
"""

import os
import sys

_log = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES:
        os.write(_log, f"write {arguments[0]}\n".encode())
    elif event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "os.mkdir"}:
        os.write(_log, f"{event} {arguments}\n".encode())


sys.addaudithook(_watch)
