"""docker-compose.yml's way in: the real nginx with compose.conf, a name server, and gateways."""

import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path

import httpx

from containers import first_start
from init_database import migrate
from tests.containers.compose import Compose
from tests.fixtures.debian import found
from tests.fixtures.paths import REPOSITORY_ROOT, find_free_port
from tests.integration.api.gateway import START_TIMEOUT_S, Processes
from tests.waiting import wait_until
from veilgate.persistence.engine import open_engine

OWN_NAME = "pictures.example"
# The only folder of the container that can be written to; here it is one of this way in alone.
_TMP = "/tmp"  # noqa: S108


class NameServer:
    """Says that `addresses` are whatever it is asked for, as Docker does for the containers of a service."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, asker = self._socket.recvfrom(512)
            if not query:
                return
            self._socket.sendto(self._answer(query), asker)

    def _answer(self, query: bytes) -> bytes:
        head = query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(self.addresses), 0, 0)
        # Each points back to the name in the question; type A, class IN, a minute to live, four bytes.
        records = (
            struct.pack("!HHHIH4s", 0xC00C, 1, 1, 60, 4, socket.inet_aton(address))
            for address in self.addresses
        )
        return head + query[12:] + b"".join(records)


class WayIn:
    """Gateways at addresses of their own on this machine, all with one database, behind one nginx."""

    def __init__(self, folder: Path, redis_url: str, stack: ExitStack) -> None:
        self.folder = folder
        self.port, self.tls_port, self.gateway_port = (find_free_port() for _ in range(3))
        self._redis_url = redis_url
        self._database_url = f"sqlite:///{folder / 'veilgate.db'}"
        self.names = NameServer()
        stack.callback(self.names.close)
        self._stack = stack
        self._migrate()
        self._start_nginx()

    def add_gateway(self, address: str) -> subprocess.Popen[bytes]:
        """One more, with a folder of its own as containers have; returns when it is ready."""
        data = self.folder / address
        data.mkdir()
        processes = Processes(
            data,
            self._redis_url,
            DATABASE_URL=self._database_url,
            HOST=address,
            PORT=str(self.gateway_port),
            METRICS_PORT="0",
            ALLOW_ANONYMOUS="1",
            TRUSTED_PROXIES="127.0.0.1",
        )
        process = processes.start("api_server.py")
        self._stack.callback(_end, process)
        url = f"http://{address}:{self.gateway_port}/ready"
        wait_until(lambda: _is_ready(url), timeout_s=START_TIMEOUT_S, what=f"a gateway at {address}")
        self.names.addresses.append(address)
        return process

    def requests_at(self, address: str) -> int:
        """How many the gateway there has answered."""
        log = (self.folder / address / "processes.log").read_text(encoding="utf-8", errors="replace")
        return log.count("request.answered")

    def trust(self) -> ssl.SSLContext:
        """Trusts its certificate, and nothing else."""
        return ssl.create_default_context(cafile=str(self.folder / "tls" / "fullchain.pem"))

    def _migrate(self) -> None:
        engine = open_engine(self._database_url)
        migrate(engine)
        engine.dispose()

    def _start_nginx(self) -> None:
        conf, tls = self.folder / "nginx", self.folder / "tls"
        shutil.copytree(REPOSITORY_ROOT / "nginx", conf)
        tls.mkdir()
        first_start.write_certificate(tls)
        path = conf / "compose.conf"
        text = path.read_text(encoding="utf-8")
        for placeholder, value in {
            "resolver 127.0.0.11 valid=5s": f"resolver 127.0.0.1:{self.names.port} valid=1s",
            "default gateway:8000;": f"default gateway:{self.gateway_port};",
            "listen 8000;": f"listen 127.0.0.1:{self.port};",
            "listen 8000 default": f"listen 127.0.0.1:{self.port} default",
            "listen 8443 ssl http2;": f"listen 127.0.0.1:{self.tls_port} ssl http2;",
            "listen 8443 ssl http2 default": f"listen 127.0.0.1:{self.tls_port} ssl http2 default",
            "/etc/veilgate/tls/fullchain.pem": str(tls / "fullchain.pem"),
            "/etc/veilgate/tls/key.pem": str(tls / "key.pem"),
            f"{_TMP}/server-names.conf": str(self.folder / "server-names.conf"),
        }.items():
            assert text.count(placeholder) == 1, placeholder
            text = text.replace(placeholder, value)
        path.write_text(text, encoding="utf-8")
        service = Compose("docker-compose.yml", SERVER_NAME=OWN_NAME).services["nginx"]
        sh, c, script = service["entrypoint"]
        for placeholder, value in {
            f"{_TMP}/": f"{self.folder}/",
            "exec nginx": f"exec {found('nginx')}",
            "/etc/veilgate/nginx/compose.conf": str(path),
        }.items():
            assert placeholder in script
            script = script.replace(placeholder, value)
        environment = {**os.environ, **service["environment"]}
        with (self.folder / "nginx.log").open("wb") as log:
            process = subprocess.Popen([sh, c, script], env=environment, stdout=log, stderr=log)
        self._stack.callback(_end, process)
        wait_until((self.folder / "nginx.pid").is_file, timeout_s=10, what="nginx")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(40)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False
