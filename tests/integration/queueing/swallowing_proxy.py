"""A connection to Redis on which a reply gets lost after the command was carried out."""

import socket
import threading
from pathlib import Path


class SwallowingProxy:
    """Listens on a socket and forwards to another; `swallow(marker)` cuts the connection, once, instead of
    handing back the reply to the next command that contains the marker."""

    def __init__(self, path: Path, target: Path) -> None:
        self._target = target
        self._marker: bytes | None = None
        self.swallowed = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self, marker: bytes) -> None:
        self._marker = marker

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One command, one reply: enough for a client that does not send ahead."""
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self._target))
            while command := client.recv(1 << 20):
                server.sendall(command)
                reply = server.recv(1 << 20)
                if self._marker is not None and self._marker in command:
                    self._marker = None
                    self.swallowed += 1
                    return
                client.sendall(reply)
