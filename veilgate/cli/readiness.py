"""Whether the house that was just started serves."""

import http.client
import json
import socket
from dataclasses import dataclass

from veilgate.domain.errors import ConfigurationError

ANSWER_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class GatewayAddress:
    """Where the gateway listens, and how this machine reaches it."""

    host: str
    port: int

    @property
    def reachable_host(self) -> str:
        """The host to connect to: a wildcard is not an address."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104

    @property
    def authority(self) -> str:
        """Host and port, as in a URL."""
        host = self.reachable_host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.authority}"

    def require_free(self) -> None:
        """Raises ConfigurationError when nobody could listen here."""
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.host or None, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(
                    socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
                )  # as the server: TIME_WAIT is free
                probe.bind(address)
        except OSError as error:
            raise ConfigurationError(
                f"PORT {self.port} on {self.host} cannot be used: {error.strerror or error}. "
                f"Stop what listens there, or choose another: PORT={self.port % 65535 + 1} make run"
            ) from error

    def missing(self) -> str:
        """What is still missing before pictures are taken and processed; empty when nothing is."""
        status, body = self._get("/ready")
        if status != http.client.OK:
            return f"/ready: {body}"
        status, body = self._get("/health")
        try:
            workers = json.loads(body)["workers"]["images"]
        except (ValueError, LookupError, TypeError):
            return f"/health: {body}"
        return "" if workers else "no images worker has reported yet"

    def _get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.reachable_host, self.port, timeout=ANSWER_TIMEOUT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, f"the gateway does not answer ({error})"
        finally:
            connection.close()
