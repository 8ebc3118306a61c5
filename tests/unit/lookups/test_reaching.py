"""Where a fetch may end up: names that change their mind, redirects, numbers, certificates."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.fixtures.certificates import Issuer
from tests.fixtures.odd_server import OddServer, OpenOddServer, head, whole
from tests.unit.lookups.fetching import SHORT, Names, fetched, fetcher
from veilgate.domain.addresses import Reachable
from veilgate.domain.fetch_targets import FetchTarget
from veilgate.domain.rejections import FetchFailed, UrlForbidden
from veilgate.lookups.checked_session import CheckedSession
from veilgate.lookups.safe_fetch import SafeFetch
from veilgate.lookups.system_names import SystemNames

BODY = b"picture"


@pytest.fixture
def inside(open_odd_server: OpenOddServer, odd_server: OddServer) -> OddServer:
    """A server that must not be reached: on the port of the odd server, at an address that is not allowed."""
    server = open_odd_server("127.0.0.2", odd_server.port)
    server.say("/", whole(b"secret"))
    return server


@pytest.fixture
def system_names() -> Iterator[SystemNames]:
    names = SystemNames()
    yield names
    names.close()


def reachable_at(server: OddServer) -> str:
    return f"{server.host}:{server.port}"


def test_a_name_is_resolved_once_and_its_address_connected_to(odd_server: OddServer) -> None:
    names = Names({"good.test": [["127.0.0.1"]]})
    odd_server.say("/", whole(BODY))
    url = odd_server.url("/", host="good.test")
    assert fetched(fetcher(reachable_at(odd_server), names), url) == BODY
    assert names.asked == ["good.test"]
    assert f"Host: good.test:{odd_server.port}" in odd_server.heads[0]


def test_a_name_that_turns_inwards_after_the_check(odd_server: OddServer, inside: OddServer) -> None:
    """Rebinding: the second answer would be the inside one, and nobody asks a second time."""
    names = Names({"rebind.test": [["127.0.0.1"], ["127.0.0.2"]]})
    odd_server.say("/", whole(BODY))
    url = odd_server.url("/", host="rebind.test")
    fetch = fetcher(reachable_at(odd_server), names)
    assert fetched(fetch, url) == BODY
    assert names.asked == ["rebind.test"]
    with pytest.raises(UrlForbidden):
        fetched(fetch, url)
    assert inside.connections == 0


def test_a_name_that_turns_inwards_on_the_way(odd_server: OddServer, inside: OddServer) -> None:
    """Each hop is resolved anew, and checked anew."""
    names = Names({"rebind.test": [["127.0.0.1"], ["127.0.0.2"]]})
    odd_server.redirect("/first", "/second")
    with pytest.raises(UrlForbidden):
        fetched(fetcher(reachable_at(odd_server), names), odd_server.url("/first", host="rebind.test"))
    assert (names.asked, odd_server.connections, inside.connections) == (["rebind.test"] * 2, 1, 0)


@pytest.mark.parametrize(
    "others",
    [["127.0.0.2"], ["10.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["fe80::1%lo"], ["8.8.8.8", "0.0.0.0"]],
)
@pytest.mark.parametrize("first", [True, False])
def test_one_address_inside_condemns_the_name(
    odd_server: OddServer, inside: OddServer, others: list[str], first: bool
) -> None:
    found = ["127.0.0.1", *others] if first else [*others, "127.0.0.1"]
    odd_server.say("/", whole(BODY))
    with pytest.raises(UrlForbidden):
        fetched(
            fetcher(reachable_at(odd_server), Names({"mixed.test": [found]})),
            odd_server.url("/", host="mixed.test"),
        )
    assert (odd_server.connections, inside.connections) == (0, 0)


def test_a_name_without_addresses_has_failed(odd_server: OddServer) -> None:
    with pytest.raises(FetchFailed):
        fetched(
            fetcher(reachable_at(odd_server), Names({"none.test": [[]]})),
            odd_server.url("/", host="none.test"),
        )


@pytest.mark.parametrize("url", ["http://localhost./", "http://LOCALHOST/", "http://\u24c1ocalhost/"])
def test_names_of_this_machine_as_it_resolves_them(system_names: SystemNames, url: str) -> None:
    with pytest.raises(UrlForbidden):
        fetched(SafeFetch(Reachable(), system_names.resolve), url)


def test_names_that_nobody_has(system_names: SystemNames) -> None:
    with pytest.raises(FetchFailed):
        fetched(SafeFetch(Reachable(), system_names.resolve), "http://nobody.invalid/")


def test_three_redirects_are_followed_and_no_fourth(odd_server: OddServer) -> None:
    fetch = fetcher(reachable_at(odd_server))
    odd_server.say("/0", whole(BODY))
    for left, status in zip(range(1, 12), ["301 a", "302 b", "303 c", "307 d", "308 e"] * 3, strict=False):
        odd_server.redirect(f"/{left}", f"/{left - 1}", status=status)
    assert fetched(fetch, odd_server.url("/3")) == BODY
    for start in (4, 11):
        odd_server.heads.clear()
        with pytest.raises(FetchFailed, match="more than 3 times"):
            fetched(fetch, odd_server.url(f"/{start}"))
        assert len(odd_server.heads) == 4


def test_a_redirect_inwards_is_refused_before_a_connection(odd_server: OddServer, inside: OddServer) -> None:
    fetch = fetcher(reachable_at(odd_server), Names({"inside.test": [["127.0.0.2"]]}))
    for location in (
        inside.url(),
        inside.url(host="inside.test"),
        f"//127.0.0.2:{inside.port}/",
        f"http://127.2:{inside.port}/",
        f"http://2130706434:{inside.port}/",
        f"http://[::ffff:127.0.0.2]:{inside.port}/",
        f"http://user@127.0.0.1:{odd_server.port}/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://127.0.0.1:22/",
        "\xff\xfe",
    ):
        with pytest.raises(UrlForbidden):
            fetched(fetch, odd_server.redirect("/", location))
    assert inside.connections == 0


def test_an_allowed_network_is_allowed_by_its_port_only(odd_server: OddServer, inside: OddServer) -> None:
    odd_server.say("/", whole(BODY))
    fetch = fetcher(f"127.0.0.0/31:{odd_server.port}")
    assert fetched(fetch, odd_server.url()) == BODY
    for url in (inside.url(), "http://127.0.0.1/", "http://127.0.0.1:443/"):
        with pytest.raises(UrlForbidden):
            fetched(fetch, url)
    assert inside.connections == 0


def test_a_socket_is_made_for_no_other_machine(odd_server: OddServer, inside: OddServer) -> None:
    """The last wall by itself: this target was never checked, and numbers are not resolved."""
    odd_server.say("/", whole(BODY))

    async def read(host: str) -> bytes:
        target = FetchTarget("http", host, inside.port, "/", None)
        reachable = Reachable.parse(reachable_at(odd_server))
        async with (
            CheckedSession(reachable, Names().resolve, patience=SHORT, tls=None) as session,
            session.open(target, 1000) as chunks,
        ):
            return b"".join([chunk async for chunk in chunks])

    assert asyncio.run(read("127.0.0.1")) == BODY
    with pytest.raises(FetchFailed):
        asyncio.run(read("127.0.0.2"))
    assert inside.connections == 0


def test_a_certificate_is_for_the_name_not_for_the_address(
    open_odd_server: OpenOddServer, issuer: Issuer
) -> None:
    server = open_odd_server(tls=issuer.server_side(["good.test"]))
    server.say("/", whole(BODY))
    names = Names({"good.test": [["127.0.0.1"]], "other.test": [["127.0.0.1"]]})
    fetch = fetcher(reachable_at(server), names, tls=issuer.client_side())
    assert fetched(fetch, server.url(host="good.test")) == BODY
    for host in ("other.test", "127.0.0.1"):
        with pytest.raises(FetchFailed):
            fetched(fetch, server.url(host=host))
    assert len(server.heads) == 1, "nothing is asked of who cannot show who he is"


def test_certificates_that_nobody_vouches_for(open_odd_server: OpenOddServer, issuer: Issuer) -> None:
    names = Names({"good.test": [["127.0.0.1"]]})
    for tls in (issuer.self_signed(["good.test"]), issuer.server_side(["good.test"], days=(-9, -8))):
        server = open_odd_server(tls=tls)
        with pytest.raises(FetchFailed) as refusal:
            fetched(
                fetcher(reachable_at(server), names, tls=issuer.client_side()), server.url(host="good.test")
            )
        assert "certificate" not in refusal.value.message
    trusted = open_odd_server(tls=issuer.server_side(["good.test"]))
    with pytest.raises(FetchFailed):  # by what this machine trusts, which the issuer is not
        fetched(fetcher(reachable_at(trusted), names), trusted.url(host="good.test"))


def test_a_redirect_from_https_to_http_is_refused(
    open_odd_server: OpenOddServer, odd_server: OddServer, issuer: Issuer
) -> None:
    odd_server.say("/", whole(BODY))
    secure = open_odd_server(tls=issuer.server_side(["good.test"]))
    names = Names({"good.test": [["127.0.0.1"]]})
    allow = f"{reachable_at(secure)},{reachable_at(odd_server)}"
    secure.redirect("/", odd_server.url())
    odd_server.redirect("/up", secure.url("/there", host="good.test"))
    secure.say("/there", whole(BODY))
    fetch = fetcher(allow, names, tls=issuer.client_side())
    assert fetched(fetch, odd_server.url("/up")) == BODY
    odd_server.heads.clear()
    with pytest.raises(UrlForbidden, match="https to http"):
        fetched(fetch, secure.url(host="good.test"))
    assert odd_server.heads == []


def test_no_cookie_goes_from_one_hop_to_the_next(odd_server: OddServer) -> None:
    location = "Location: /second"
    odd_server.say("/", head("302 Found", location, "Set-Cookie: a=b; Path=/", "Content-Length: 0"))
    odd_server.say("/second", whole(BODY, "Set-Cookie: c=d"))
    fetch = fetcher(reachable_at(odd_server))
    assert [fetched(fetch, odd_server.url()) for _ in range(2)] == [BODY, BODY]
    assert not any(word in request.lower() for request in odd_server.heads for word in ("cookie", "referer"))
