"""What the search server embeds: a failure is told, be it of a picture or of a text."""

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.counted import Counted
from veilgate.domain.pictures import PictureFormat, PictureLimits
from veilgate.imaging.picture import Picture
from veilgate.search.wire import EmbeddedQuery
from veilgate.services.finding.search_answers import SearchAnswers

PIXELS = np.full((40, 40, 3), 9, np.uint8)


class Moody:
    """Says what it likes, or nothing at all."""

    model_id = "moody"
    dimensions = 2
    near_duplicate_score = 0.9

    def __init__(self) -> None:
        self.is_well = True

    def embed(self, views: Sequence[object]) -> NDArray[np.float32]:
        if not self.is_well:
            raise RuntimeError("not today")
        return np.array([[1.0, 0.0]] * len(views), np.float32)

    embed_texts = embed


def answers_of(embedder: Moody) -> SearchAnswers:
    indexes: Any = SimpleNamespace(serving=lambda: SimpleNamespace(model_id=embedder.model_id))
    embedders: Any = SimpleNamespace(of=lambda _model_id: embedder)
    words: Any = None
    picture = Picture(PIXELS, None, PictureFormat.PNG)
    return SearchAnswers(indexes, embedders, words, decode=lambda _sent: picture, limits=PictureLimits())


@pytest.mark.parametrize("purpose", ["query", "text"])
def test_what_was_to_be_embedded_is_told_as_made_or_failed(purpose: str, astronaut_jpeg: bytes) -> None:
    embedder, counted = Moody(), Counted()
    answers = answers_of(embedder)
    asked: Callable[[], Any] = {
        "query": lambda: answers.embed(astronaut_jpeg),
        "text": lambda: answers.embed_text("a red car"),
    }[purpose]
    found = asyncio.run(asked())
    assert isinstance(found, EmbeddedQuery)
    embedder.is_well = False
    with pytest.raises(RuntimeError):
        asyncio.run(asked())
    answers.close()
    told = [counted("embedding_requests_total", purpose=purpose, outcome=one) for one in ("made", "failed")]
    assert told == [1, 1]
