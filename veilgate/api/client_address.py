"""Where a request comes from, when proxies stand between."""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from fastapi import Request

Network = IPv4Network | IPv6Network
UNKNOWN = "unknown"
# What proxies add. One that adds nothing and keeps the name cannot be told from a caller here.
_FORWARDING = (
    b"x-forwarded-",
    b"forwarded",
    b"via",
    b"x-real-ip",
    b"x-client-ip",
    b"x-original-",
    b"true-client-ip",
    b"cf-",
)
_HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Proxies whose word is taken for who called them; of all others it is ignored."""

    networks: tuple[Network, ...] = ()

    def client(self, request: Request) -> str:
        """The address that called the outermost proxy of ours, or that called us."""
        caller = _parsed(request.client.host if request.client else "")
        if caller is None:
            return UNKNOWN
        # Each proxy adds whom it saw at the right; what stands left of the last stranger may be made up.
        for name in reversed(_all_of("x-forwarded-for", request).split(",")):
            seen = _parsed(name.strip())
            if not self._includes(caller) or seen is None:
                break
            caller = seen
        return str(caller)

    def is_https(self, request: Request) -> bool:
        """Whether the caller reached us, or our proxy, by HTTPS."""
        caller = _parsed(request.client.host if request.client else "")
        if caller is not None and self._includes(caller):
            forwarded = _all_of("x-forwarded-proto", request) or request.url.scheme
            return forwarded.rpartition(",")[2].strip().lower() == "https"
        return request.url.scheme == "https"

    def _includes(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.networks)


def is_on_this_machine(request: Request) -> bool:
    """Whether the caller itself, and no proxy for others, called by a name of this machine.

    The name matters because a web page can make a browser here call any name that leads here.
    """
    address = _parsed(request.client.host if request.client else "")
    if address is None or not address.is_loopback:
        return False
    # Proxies still speak 1.0 to those behind them; hardly anybody else does.
    is_forwarded = request.scope["http_version"] == "1.0"
    is_forwarded = is_forwarded or any(name.startswith(_FORWARDING) for name, _ in request.scope["headers"])
    return not is_forwarded and _is_loopback_name(request.headers.get("host", ""))


def counted_address(client: str) -> str:
    """What stands for a client in limits: of IPv6 the network, of which each subscriber has a whole one."""
    address = _parsed(client)
    return str(ip_network((int(address), 64), strict=False)) if isinstance(address, IPv6Address) else client


def _all_of(name: str, request: Request) -> str:
    """A header that may come in several lines, as one list: proxies may add a line of their own."""
    return ",".join(request.headers.getlist(name))


@lru_cache(maxsize=64)
def _is_loopback_name(host: str) -> bool:
    """Of a Host header, with or without a port."""
    name = urlsplit(f"//{host}").hostname if _HOST.fullmatch(host) else None
    address = _parsed(name or "")
    return name == "localhost" or (address is not None and address.is_loopback)


@lru_cache(maxsize=256)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
