"""The servers that a larger installation has beside the gateway: MariaDB, and an object store by moto."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import boto3
import pymysql

from bench.house import free_port

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 60.0
_KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "secret-of-the-bench"}
_BUCKET = "bench"
_PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def mariadb_is_here() -> bool:
    return bool(_where("mariadbd") and _where("mariadb-install-db"))


class MariaDb:
    """A server whose commits are synced to disk, as its defaults have it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.mkdir(parents=True)
        self._folder, self._port = folder, free_port()
        # Sockets have short names, and folders long ones.
        self._socket = Path(f"/tmp/vg-bench-{os.getpid()}-{self._port}.db")  # noqa: S108
        common = ["--no-defaults", f"--datadir={folder / 'data'}", f"--user={getpass.getuser()}"]
        install = [_where("mariadb-install-db") or "", *common, "--skip-test-db"]
        subprocess.run(
            [*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True
        )
        listen = [f"--socket={self._socket}", f"--port={self._port}", "--bind-address=127.0.0.1"]
        sizes = ["--innodb-buffer-pool-size=1G", "--innodb-log-file-size=256M"]
        process = _start([_where("mariadbd") or "", *common, *listen, *sizes], folder / "log")
        stack.callback(_end, process)
        _wait_for(lambda: _listens(self._port), process, folder / "log")
        self._execute(
            "CREATE USER veil@'127.0.0.1' IDENTIFIED BY 'veil'", "GRANT ALL ON *.* TO veil@'127.0.0.1'"
        )

    def new_database(self, name: str) -> str:
        """Its URL."""
        self._execute(f"CREATE DATABASE {name}")
        return f"mysql+pymysql://veil:veil@127.0.0.1:{self._port}/{name}"

    def _execute(self, *statements: str) -> None:
        with pymysql.connect(unix_socket=str(self._socket), user="root") as connection:
            for statement in statements:
                connection.cursor().execute(statement)


def start_object_store(folder: Path, stack: ExitStack) -> dict[str, str]:
    """moto keeps all in memory, in one Python process: it shows that S3 works, not how fast it is. Returns
    the settings of a gateway that keeps its objects there."""
    folder.mkdir(parents=True)
    port = free_port()
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = _start(words, folder / "log")
    stack.callback(_end, process)
    _wait_for(lambda: _listens(port), process, folder / "log")
    endpoint = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=_KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=_KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=_BUCKET)
    client.close()
    return {"S3_BUCKET": _BUCKET, "S3_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", **_KEYS}


def _start(words: list[str], log_path: Path) -> subprocess.Popen[bytes]:
    with log_path.open("wb") as log:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], log_path: Path) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise RuntimeError(f"no server:\n{log_path.read_text(errors='replace')[-3000:]}")
        time.sleep(0.1)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def _where(program: str) -> str | None:
    return shutil.which(program, path=_PLACES)
