"""Addresses as callers spell them: what is refused unseen, and what is made of the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.domain.addresses import Reachable
from veilgate.domain.fetch_targets import LONGEST_URL, FetchTarget, read_target, redirected
from veilgate.domain.rejections import UrlForbidden

PUBLIC = Reachable()
# No addresses by themselves, though something else may lead to them.
WITHOUT_HOST = [
    "//example.com/",
    "example.com/a.jpg",
    "http:example.com",
    "http:/example.com",
    "http:///example.com",
    "http://",
    "http://?",
    "/a.jpg",
    "",
]
FORBIDDEN = [
    # Machines that are not public, however they are spelled.
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "https://127.0.0.1:443/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::]/",
    "http://0/",
    "http://0.0.0.0/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0X7F.0.0.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.0x1/",
    "http://127.0.0.01/",
    "http://1.1.1.1.1/",
    "http://256.1.1.1/",
    "http://localhost.0x/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:a00:1]/",
    "http://[::10.0.0.1]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[64:ff9b:1::10.0.0.1]/",
    "http://[2002:a00:1::]/",
    "http://[v1.x]/",
    "http://[1.2.3.4]/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]x/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",
    "http://127\u30020\u30020\u30021/",
    # Other ways than the web's.
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "gopher://example.com/",
    "ftp://example.com/a.jpg",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "http://:80/",
    "ws://example.com/",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    # Names and passwords, ports.
    "http://user@example.com/",
    "http://user:pass@example.com/",
    "http://example.com@127.0.0.1/",
    "http://@example.com/",
    "http://example.com:22/",
    "http://example.com:6379/",
    "http://example.com:8080/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:999999/",
    "http://example.com:-80/",
    "http://example.com:+80/",
    "http://example.com:80:80/",
    "http://example.com:\u0668\u0660/",
    "http://example.com:0x50/",
    # What other readers would read otherwise.
    "http://example.com\\@127.0.0.1/",
    "http://example.com/a\r\nHost: evil",
    "http://example.com/a\nb",
    "http://exam\tple.com/",
    " http://example.com/",
    "http://example.com/a b",
    "http://example.com/\u00a0",
    "http://example.com/\u2028",
    "http://example.com/\x00",
    "http://example.com/\x7f",
    "http://example.com/\ud800",
    "http://example.com/\u202egpj.exe",
    "http://exam%70le.com/",
    "http://example.com%2f@127.0.0.1/",
    "http://exa$mple.com/",
    "http://example..com/",
    "http://.example.com/",
    "http://example.com../",
    f"http://{'a' * 64}.com/",
    f"http://{'a.' * 130}com/",
    "http://example.com/" + "a" * 10_000,
    # Names that look like others.
    "http://p\u0430ypal.com/",
    "http://www.\u03b1pple.com/",
    "http://\u2100.example/",
    "http://xn--\u0430/",
    "http://" + "\u00fc" * 70 + ".de/",
]


@pytest.mark.parametrize("url", [*FORBIDDEN, *WITHOUT_HOST])
def test_what_is_forbidden_unseen(url: str) -> None:
    with pytest.raises(UrlForbidden) as refusal:
        read_target(url, PUBLIC)
    assert refusal.value.message.endswith(".")


@pytest.mark.parametrize(
    ("url", "requested"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTP://EXAMPLE.COM:80/A.jpg", "http://example.com/A.jpg"),
        ("https://example.com.:443/a/../b%2fc?x=%41#part", "https://example.com/a/../b%2fc?x=%41"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("https://example.com:/", "https://example.com/"),
        ("http://under_score.a--b.example/", "http://under_score.a--b.example/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://[2606:4700:0::1111]/", "http://[2606:4700::1111]/"),
        ("http://b\u00fccher.de/\u00fc?q=\u00e9|[1]", "http://xn--bcher-kva.de/%C3%BC?q=%C3%A9%7C[1]"),
        ("http://stra\u00dfe.de/", "http://xn--strae-oqa.de/"),
        ("http://\u4f8b\u3048.\u30c6\u30b9\u30c8/", "http://xn--r8jz45g.xn--zckzah/"),
        ("http://\u24c1ocalhost/", "http://localhost/"),
        ("http://localhost./", "http://localhost/"),
        ("http://0x7f.1.example/", "http://0x7f.1.example/"),
        ("http://a.example/'<>\"^`{}", "http://a.example/'%3C%3E%22%5E%60%7B%7D"),
        ("http://a.example//evil.example/", "http://a.example//evil.example/"),
    ],
)
def test_what_is_asked_for_is_written_anew(url: str, requested: str) -> None:
    target = read_target(url, PUBLIC)
    assert target.url == requested
    assert read_target(requested, PUBLIC) == target


def test_an_address_may_be_this_long() -> None:
    url = "http://example.com/".ljust(LONGEST_URL, "a")
    assert read_target(url, PUBLIC).url == url
    with pytest.raises(UrlForbidden, match="2048"):
        read_target(f"{url}a", PUBLIC)


@pytest.mark.parametrize(
    ("path", "filename"),
    [
        ("/a/holiday.jpg?size=9#x", "holiday.jpg"),
        ("/f%C3%BC%20r.jpg", "f\u00fc r.jpg"),
        ("/..%2f..%2fetc%2fpasswd", "passwd"),
        ("/a%0d%0ab%00.jpg", "ab.jpg"),
        ("/%E2%80%AEgpj.exe", "gpj.exe"),
        ("/%ff.jpg", "\ufffd.jpg"),
        ("/" + "x" * 900, "x" * 255),
        ("/a/", "unnamed"),
        ("", "unnamed"),
        ("?name=a.jpg", "unnamed"),
    ],
)
def test_the_last_part_names_the_file(path: str, filename: str) -> None:
    assert read_target(f"http://example.com{path}", PUBLIC).filename == filename


@pytest.mark.parametrize(
    ("location", "requested"),
    [
        ("/b.jpg", "https://example.com/b.jpg"),
        ("c.jpg?x", "https://example.com/a/c.jpg?x"),
        ("//cdn.example/d.jpg", "https://cdn.example/d.jpg"),
        ("https://other.example/#x", "https://other.example/"),
    ],
)
def test_a_redirect_leads_on(location: str, requested: str) -> None:
    assert redirected(read_target("https://example.com/a/b", PUBLIC), location, PUBLIC).url == requested


@pytest.mark.parametrize("location", [*FORBIDDEN, "//127.0.0.1/", "//a@example.com", "", "/a b", "//["])
def test_a_redirect_is_checked_as_any_address(location: str) -> None:
    with pytest.raises(UrlForbidden):
        redirected(read_target("http://example.com/a", PUBLIC), location, PUBLIC)


def test_a_redirect_keeps_the_secrecy_that_there_was() -> None:
    plain, secure = (read_target(f"{scheme}://example.com/", PUBLIC) for scheme in ("http", "https"))
    assert redirected(plain, secure.url, PUBLIC) == secure
    with pytest.raises(UrlForbidden, match="https to http"):
        redirected(secure, plain.url, PUBLIC)


def test_an_allowed_machine_is_no_matter_of_spelling() -> None:
    reachable = Reachable.parse("127.0.0.0/8:9000")
    assert read_target("http://127.0.0.1:9000/", reachable).port == 9000
    for url in ("http://127.1:9000/", "http://127.0.0.1/", "http://127.0.0.1:9001/", "http://[::1]:9000/"):
        with pytest.raises(UrlForbidden):
            read_target(url, reachable)


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://a.example/", "http://[", "http://a@"]))
def test_any_text_is_a_target_or_forbidden(text: str, before: str) -> None:
    try:
        target = read_target(before + text, PUBLIC)
    except UrlForbidden:
        return
    assert isinstance(target, FetchTarget)
    assert target.url.isascii()
    assert not set(target.url) & set(" \r\n\t\\")
    assert read_target(target.url, PUBLIC) == target
