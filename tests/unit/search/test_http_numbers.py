"""What Prometheus is told of questions to the search server: how many were answered, and what became of the
others."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.counted import Counted
from veilgate.domain.errors import IndexNotReady
from veilgate.domain.rejections import NoTextModel
from veilgate.search.http_app import SearchApp
from veilgate.search.wire import EmbeddedQuery, RelatedWords, SearchAnswer, SearchRequest

SEARCHES = "veilgate_searches_total"


class Answers:
    """Knows pictures, is not ready to search, has no model for texts, and breaks over words."""

    async def search(self, _request: SearchRequest) -> SearchAnswer:
        raise IndexNotReady

    async def embed(self, _picture: bytes) -> EmbeddedQuery:
        return EmbeddedQuery("model", b"\0\0\0\0", "0" * 64)

    async def embed_text(self, _text: str) -> EmbeddedQuery:
        raise NoTextModel

    async def related(self, _owner_id: str, _words: Sequence[str]) -> RelatedWords:
        raise RuntimeError

    def rebuild(self) -> None: ...

    def check_ready(self) -> None: ...

    def health(self) -> dict[str, Any]:
        return {}


QUESTION = SearchRequest("owner", "model", b"\0\0\0\0", k=1).to_json()


@pytest.mark.parametrize(
    ("path", "body", "kind", "outcome"),
    [
        ("/v1/embed", b"picture", "embed", "answered"),
        ("/v1/search", QUESTION, "search", "away"),
        ("/v1/search", b"no question", "search", "refused"),
        ("/v1/embed-text", b'{"text": "a red car"}', "embed_text", "refused"),
        ("/v1/related", b'{"owner": "a", "words": ["car"]}', "related", "broken"),
    ],
)
def test_a_question_counts_by_how_it_ended(path: str, body: bytes, kind: str, outcome: str) -> None:
    counted = Counted()
    ask("POST", path, body)
    assert counted(SEARCHES, kind=kind, outcome=outcome) == 1
    assert counted("veilgate_search_seconds_count", kind=kind) == 1


def test_looking_whether_it_lives_is_no_question() -> None:
    counted = Counted()
    ask("GET", "/health")
    ask("GET", "/v2/whatever")
    kinds, outcomes = ("search", "embed", "embed_text", "related"), ("answered", "refused")
    assert not any(counted(SEARCHES, kind=kind, outcome=one) for kind in kinds for one in outcomes)


def ask(method: str, path: str, body: bytes = b"") -> None:
    async def send() -> None:
        app: Any = SearchApp(Answers(), max_picture_bytes=100)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://search") as client:
            await client.request(method, path, content=body)

    asyncio.run(send())
