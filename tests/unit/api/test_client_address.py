"""Where a request comes from: what proxies say is believed of those we know, and of nobody else."""

from ipaddress import ip_network

import pytest
from fastapi import Request

from veilgate.api.client_address import UNKNOWN, TrustedProxies, counted_address, is_on_this_machine

OURS = TrustedProxies((ip_network("10.0.0.0/8"), ip_network("fd00::/8")))


def request(client: str | None, *headers: tuple[str, str], version: str = "1.1") -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "scheme": "http",
            "http_version": version,
            "query_string": b"",
            "server": ("127.0.0.1", 8000),
            "client": (client, 9) if client else None,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }
    )


@pytest.mark.parametrize(
    ("client", "lines", "expected"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # no proxy of ours
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["8.8.8.8, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),  # the first is made up
        ("10.0.0.1", ["8.8.8.8", "198.51.100.1"], "198.51.100.1"),  # in lines of their own
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["nonsense, 198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        (None, ["198.51.100.1"], UNKNOWN),
    ],
)
def test_the_caller_of_the_outermost_proxy(client: str | None, lines: list[str], expected: str) -> None:
    assert OURS.client(request(client, *(("X-Forwarded-For", line) for line in lines))) == expected


@pytest.mark.parametrize(
    ("client", "lines", "expected"),
    [
        ("10.0.0.1", ["https"], True),
        ("10.0.0.1", ["https", "http"], False),
        ("10.0.0.1", ["http", "https"], True),
        ("10.0.0.1", [], False),
        ("203.0.113.9", ["https"], False),
    ],
)
def test_https_is_what_the_nearest_proxy_says(client: str, lines: list[str], expected: bool) -> None:
    assert OURS.is_https(request(client, *(("X-Forwarded-Proto", line) for line in lines))) is expected


def test_limits_count_a_network_of_ipv6_as_one() -> None:
    assert counted_address("2001:db8:1:2:3::4") == counted_address("2001:db8:1:2:ffff::1")
    assert counted_address("2001:db8:1:2::1") != counted_address("2001:db8:1:3::1")
    assert counted_address("203.0.113.9") == "203.0.113.9"
    assert counted_address(UNKNOWN) == UNKNOWN


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]:8000", "127.5.6.7"])
def test_names_of_this_machine(host: str) -> None:
    assert is_on_this_machine(request("127.0.0.1", ("Host", host)))
    assert is_on_this_machine(request("::1", ("Host", host)))


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "127.0.0.1@evil.example", "[::1", "a b", "0.0.0.0"]
)
def test_other_names(host: str) -> None:
    assert not is_on_this_machine(request("127.0.0.1", ("Host", host)))


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Server", "Forwarded", "Via", "CF-Ray"])
def test_what_a_proxy_says_of_itself(name: str) -> None:
    assert not is_on_this_machine(request("127.0.0.1", ("Host", "localhost"), (name, "x")))


def test_proxies_speak_the_old_http() -> None:
    assert not is_on_this_machine(request("127.0.0.1", ("Host", "localhost"), version="1.0"))


def test_callers_elsewhere() -> None:
    assert not is_on_this_machine(request("10.0.0.1", ("Host", "localhost")))
    assert not is_on_this_machine(request(None, ("Host", "localhost")))
