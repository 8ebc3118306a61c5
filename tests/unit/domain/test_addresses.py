"""Which machines are public, and what an operator allows beside them."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.domain.addresses import WEB_PORTS, Reachable, is_public

NOT_PUBLIC = [
    # IPv4: this machine, private, link-local with the metadata of clouds, tests, multicast, reserved.
    "0.0.0.0",
    "0.255.1.1",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.0.9",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    # IPv6: the same kinds.
    "::",
    "::1",
    "100::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "5f00::1",
    "2001:db8::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "3fff::1",
    # IPv6 with IPv4 inside, be that public or not.
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:10.0.0.1",
    "::10.0.0.1",
    "::8.8.8.8",
    "64:ff9b::10.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::a00:1",
    "2002:a00:1::1",
    "2002:808:808::1",
    "2001:0:808:808::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "168.63.129.15",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.254",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700::1111",
    "2a00:1450:4001::1",
]


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_what_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))
    assert not any(Reachable().includes(ip_address(text), port) for port in WEB_PORTS)


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public(text: str) -> None:
    address = ip_address(text)
    assert is_public(address)
    assert [port for port in (22, 79, 80, 81, 443, 6379, 8080) if Reachable().includes(address, port)] == [
        80,
        443,
    ]


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_public(address: object) -> None:
    found = ip_address(str(address))
    if found.is_private or found.is_loopback or found.is_link_local or found.is_multicast:
        assert not is_public(found)


@given(st.ip_addresses(v=4))
def test_no_spelling_of_ipv4_in_ipv6_is_public(address: object) -> None:
    for shape in ("::ffff:{}", "::{}", "64:ff9b::{}", "64:ff9b:1::{}", "::ffff:0:{}"):
        assert not is_public(ip_address(shape.format(address)))


def test_an_operator_allows_networks_each_with_its_port() -> None:
    reachable = Reachable.parse("10.1.0.0/16:8080, 127.0.0.0/8:9000,[fd00::/8]:80 , 192.168.7.7,")
    reached = [
        ("10.1.2.3", 8080, True),
        ("10.1.2.3", 80, False),
        ("10.2.0.1", 8080, False),
        ("127.9.9.9", 9000, True),
        ("127.9.9.9", 8080, False),
        ("fd12::1", 80, True),
        ("fd12::1", 443, False),
        ("192.168.7.7", 80, True),
        ("192.168.7.7", 443, True),
        ("192.168.7.8", 443, False),
        ("8.8.8.8", 443, True),
        ("8.8.8.8", 8080, False),
        ("::ffff:10.1.2.3", 8080, False),
        ("64:ff9b::10.1.2.3", 8080, False),
    ]
    for text, port, expected in reached:
        assert reachable.includes(ip_address(text), port) is expected, (text, port)
    assert [port for port in (22, 80, 443, 8080, 9000) if reachable.has_port(port)] == [80, 443, 8080, 9000]


def test_nothing_allowed_is_the_default() -> None:
    assert Reachable.parse("") == Reachable.parse(" , ") == Reachable()
    assert [port for port in range(65536) if Reachable().has_port(port)] == sorted(WEB_PORTS)


@pytest.mark.parametrize(
    "text",
    [
        "localhost:80",
        "10.0.0.1/8:80",
        "10.0.0.0/33:80",
        "10.0.0.0/8:0",
        "10.0.0.0/8:65536",
        "10.0.0.0/8:http",
        "10.0.0.0/8:80:80",
        "10.0.0.0/8:\u0661",
        "10.0.0/8",
        "fd00::/8:80",
        "[fd00::/8",
        "[10.0.0.0/8]:80:1",
        "http://10.0.0.0",
        "*",
        "10.0.0.0/8;11.0.0.0/8",
    ],
)
def test_what_is_no_allowance_is_said_at_start(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        Reachable.parse(f"127.0.0.1:80, {text}")


def test_a_single_address_is_a_network() -> None:
    (allowance,) = Reachable.parse("[::1]:8000").allowed
    assert (allowance.network, allowance.ports) == (ip_network("::1/128"), frozenset({8000}))
