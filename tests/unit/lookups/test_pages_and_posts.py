"""Single questions to foreign servers: pages with their status and where they lead on, and POSTs."""

import asyncio
import gzip
import time

import pytest

from tests.fixtures.odd_server import OddServer, head, whole
from tests.unit.lookups.fetching import LONGEST_S, Names, fetcher
from veilgate.domain.errors import QueueFull, VeilgateError
from veilgate.domain.rejections import FetchFailed, FetchTimeout, FileTooLarge, UrlForbidden
from veilgate.lookups.safe_fetch import FetchPatience, PageAnswer, PostAnswer, SafeFetch

HTML = frozenset({"text/html"})
PAGE = b"<title>Acme</title>" * 100
TYPED = "Content-Type: Text/HTML; charset=utf-8"


@pytest.fixture
def fetch(odd_server: OddServer) -> SafeFetch:
    return fetcher(f"127.0.0.1:{odd_server.port}", Names({"inside.test": [["10.0.0.1"]]}))


def page(fetch: SafeFetch, url: str, *, max_bytes: int = 10_000) -> PageAnswer:
    return asyncio.run(fetch.get_page(fetch.read_target(url), max_bytes=max_bytes, media_types=HTML))


def posted(fetch: SafeFetch, url: str, *, patience: FetchPatience | None = None) -> PostAnswer:
    headers = {"Content-Type": "application/json", "Webhook-Id": "one"}
    return asyncio.run(fetch.post(url, headers=headers, body=b'{"a": 1}', patience=patience))


def test_a_page_is_given_with_its_type(odd_server: OddServer, fetch: SafeFetch) -> None:
    answer = page(fetch, odd_server.say("/", whole(PAGE, TYPED)))
    assert answer == PageAnswer(200, "text/html; charset=utf-8", PAGE)
    assert "text/html" in odd_server.heads[0]
    assert "keeps to robots.txt" in odd_server.heads[0]
    assert "cookie" not in odd_server.heads[0].lower()


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
def test_a_compressed_page_is_inflated(odd_server: OddServer, fetch: SafeFetch, coding: str) -> None:
    sent = whole(gzip.compress(PAGE), TYPED, f"Content-Encoding: {coding}")
    assert page(fetch, odd_server.say("/", sent)).body == PAGE


def test_as_much_as_allowed_is_taken_and_not_a_byte_more(odd_server: OddServer, fetch: SafeFetch) -> None:
    plain = odd_server.say("/plain", whole(PAGE, TYPED))
    packed = odd_server.say("/packed", whole(gzip.compress(PAGE), TYPED, "Content-Encoding: gzip"))
    bomb = whole(gzip.compress(bytes(20_000_000)), TYPED, "Content-Encoding: gzip")
    for url in (plain, packed):
        assert page(fetch, url, max_bytes=len(PAGE)).body == PAGE
        with pytest.raises(FileTooLarge):
            page(fetch, url, max_bytes=len(PAGE) - 1)
    with pytest.raises(FileTooLarge):
        page(fetch, odd_server.say("/bomb", bomb), max_bytes=30_000)


@pytest.mark.parametrize(
    "answer",
    [
        whole(PAGE, "Content-Type: image/png"),
        whole(PAGE),
        whole(PAGE, TYPED, "Content-Encoding: br"),
        whole(gzip.compress(PAGE)[:-9], TYPED, "Content-Encoding: gzip"),
        whole(PAGE, TYPED, "Content-Encoding: gzip"),
    ],
    ids=["picture", "untyped", "not asked for", "cut off", "no gzip"],
)
def test_what_is_no_page_has_failed(odd_server: OddServer, fetch: SafeFetch, answer: bytes) -> None:
    with pytest.raises(FetchFailed):
        page(fetch, odd_server.say("/", answer))


def test_a_redirect_is_told_and_not_followed(odd_server: OddServer, fetch: SafeFetch) -> None:
    answer = page(fetch, odd_server.redirect("/old", "/new?a=b"))
    assert answer.onward is not None
    assert (answer.status, answer.onward.url) == (302, odd_server.url("/new?a=b"))
    assert len(odd_server.heads) == 1
    assert page(fetch, odd_server.say("/gone", head("410 Gone", "Content-Length: 0"))).status == 410


@pytest.mark.parametrize("location", ["http://10.0.0.1/", "http://127.0.0.1:22/", "file:///etc/passwd"])
def test_a_redirect_out_of_reach_is_forbidden(odd_server: OddServer, fetch: SafeFetch, location: str) -> None:
    with pytest.raises(UrlForbidden):
        page(fetch, odd_server.redirect("/", location))


def test_a_post_is_sent_and_the_head_of_the_answer_given(odd_server: OddServer, fetch: SafeFetch) -> None:
    url = odd_server.say("/hook", head("429 Slow", "Retry-After: 7", "Content-Length: 0"))
    answer = posted(fetch, url)
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert 0 <= answer.took_ms < LONGEST_S * 1000
    (request,) = odd_server.heads
    assert request.startswith("POST /hook HTTP/1.1\r\n")
    assert "Webhook-Id: one" in request
    assert "Content-Length: 8" in request


def test_a_post_leads_nowhere_else(odd_server: OddServer, fetch: SafeFetch) -> None:
    assert posted(fetch, odd_server.redirect("/", odd_server.url("/other"))).status == 302
    assert posted(fetch, odd_server.redirect("/", "http://10.0.0.1/")).status == 302
    assert len(odd_server.heads) == 2


def test_an_answer_without_end_is_not_waited_for(odd_server: OddServer, fetch: SafeFetch) -> None:
    url = odd_server.drip("/", b"x", before=head("200 OK", "Content-Length: 100000"), pause_s=0.01)
    began_s = time.monotonic()
    assert posted(fetch, url, patience=FetchPatience(total_s=60)).status == 200
    assert time.monotonic() - began_s < LONGEST_S


def test_a_sink_that_says_nothing_is_given_up(odd_server: OddServer, fetch: SafeFetch) -> None:
    url = odd_server.drip("/", b"x", pause_s=LONGEST_S)
    with pytest.raises(FetchTimeout):
        posted(fetch, url, patience=FetchPatience(total_s=0.2))


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://127.0.0.1/", "http://inside.test/", "ftp://a.test"]
)
def test_a_post_goes_nowhere_private(fetch: SafeFetch, url: str) -> None:
    with pytest.raises(UrlForbidden):
        posted(fetch, url)


def test_pages_and_posts_take_places(odd_server: OddServer) -> None:
    full = fetcher(f"127.0.0.1:{odd_server.port}", most_at_once=0)
    for ask in (page, posted):
        with pytest.raises(QueueFull):
            ask(full, odd_server.url())


def test_what_fails_says_nothing_of_the_machine(fetch: SafeFetch) -> None:
    with pytest.raises(VeilgateError) as failed:
        posted(fetch, "http://nobody.test/")
    assert "nobody" not in str(failed.value)
