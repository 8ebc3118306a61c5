"""Which machines the house connects to because somebody outside asked for it: public ones, and those that
the operator allows."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

WEB_PORTS = frozenset({80, 443})
_LARGEST_PORT = 65535

# All of IPv6 that is given out to the world. It leaves out loopback, link-local and unique local (and with it
# fd00:ec2::254, the metadata of AWS), and what carries an IPv4 address and ends wherever a gateway sends it:
# ::ffff:10.0.0.1, ::10.0.0.1, and NAT64 by 64:ff9b::/96 and 64:ff9b:1::/48.
_GIVEN_OUT_V6 = ip_network("2000::/3")
# What Python's `is_global` takes for public in some of its releases, and what it cannot know.
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this machine
        "100.64.0.0/10",  # carriers' own; 100.100.100.200 is the metadata of Alibaba
        "168.63.129.16/32",  # a public address, at which every machine of Azure finds Azure's own services
        "192.0.0.0/24",  # protocols' own; 192.0.0.192 is the metadata of Oracle
        "192.88.99.0/24",  # relays of 6to4
        "2001::/23",  # protocols' own, Teredo among them, which carries an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address
        "3fff::/20",  # documentation
    )
)
_ALLOWANCE = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:/[0-9]+)?)\]|(?P<v4>[0-9.]+(?:/[0-9]+)?))(?::(?P<port>[0-9]{1,5}))?"
)


def is_public(address: Address) -> bool:
    """Whether this is a machine of the open internet, and no other address in disguise."""
    if isinstance(address, IPv6Address) and address not in _GIVEN_OUT_V6:
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Machines that are not public, or ports that are not the web's, which an operator allows."""

    network: Network
    ports: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Allowance":
        """Reads 10.1.0.0/16:8080 or [fd00::/8]:80; without a port both of the web are meant.

        Raises `ValueError`.
        """
        found = _ALLOWANCE.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a network as 10.1.0.0/16:8080 or [fd00::/8]:80")
        network = ip_network(found["v6"] or found["v4"])
        if found["port"] is None:
            return cls(network, WEB_PORTS)
        port = int(found["port"])
        if not 0 < port <= _LARGEST_PORT:
            raise ValueError(f"{text!r} has no port from 1 to {_LARGEST_PORT}")
        return cls(network, frozenset({port}))


@dataclass(frozen=True, slots=True)
class Reachable:
    """Where connections may go: to public machines by the web's ports, and wherever is `allowed`."""

    allowed: tuple[Allowance, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Reachable":
        """Reads allowances with commas between them, as FETCH_ALLOW has them. Raises `ValueError`."""
        return cls(tuple(Allowance.parse(one.strip()) for one in text.split(",") if one.strip()))

    def has_port(self, port: int) -> bool:
        """Whether anything at all may be reached by this port."""
        return port in WEB_PORTS or any(port in one.ports for one in self.allowed)

    def includes(self, address: Address, port: int) -> bool:
        if port in WEB_PORTS and is_public(address):
            return True
        return any(port in one.ports and address in one.network for one in self.allowed)
