"""Web addresses that try to reach where they should not, in all the spellings that readers accept."""

from hypothesis import strategies as st

_SCHEMES = ("http://", "https://", "HTTP://", "file://", "gopher://", "http:/", "http:\\\\", "//", "")
_HOSTS = (
    "example.com",
    "EXAMPLE.com.",
    "localhost",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "0",
    "169.254.169.254",
    "100.100.100.200",
    "8.8.8.8",
    "[::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2606:4700::1111]",
    "[fe80::1%25eth0]",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "exаmple.com",
    "bücher.example",
    "xn--bcher-kva.example",
)
_USERS = ("", "user@", "user:pass@", "example.com@", "a@b@")
_PORTS = ("", ":80", ":443", ":22", ":0", ":", ":65536", ":-1", ":８０")
_PATHS = (
    "",
    "/",
    "/a b",
    "/a\r\nHost: b",
    "/%zz",
    "/%00",
    "/ü.jpg",
    "?q=/@",
    "#@localhost",
    "\\@localhost/",
    "/../..",
)


def web_addresses() -> st.SearchStrategy[str]:
    """Pieces of addresses with anything between them."""
    between = st.just("") | st.text(max_size=3)
    choices = (_SCHEMES, _USERS, _HOSTS, _PORTS, _PATHS)
    pieces = (st.sampled_from(choice) | st.text(max_size=12) for choice in choices)
    parts = [part for piece in pieces for part in (between, piece)]
    return st.tuples(*parts).map("".join) | st.text(max_size=60)
