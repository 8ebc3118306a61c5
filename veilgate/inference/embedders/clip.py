"""Two networks whose vectors can be compared: of a picture, and of what is said of one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from veilgate.inference.embedders.network import NetworkEmbedder, NotAnEmbedder, vector_among
from veilgate.inference.embedders.network_input import unit_rows
from veilgate.inference.openvino_runtime import TokenSession

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# What CLIP was trained with; a graph of a fixed length says otherwise.
_LONGEST_TEXT_TOKENS = 77
_END_OF_TEXT = "<|endoftext|>"


class TextTower:
    """From texts to vectors. A text is cut after as many tokens as the graph takes."""

    def __init__(self, session: TokenSession, tokenizer_json: bytes) -> None:
        """Raises `NotAnEmbedder`."""
        self._session = session
        self._tokenizer = _tokenizer(tokenizer_json)
        length = session.length or _LONGEST_TEXT_TOKENS
        # CLIP fills up with the token that ends a text, and looks for the first of them.
        end = self._tokenizer.token_to_id(_END_OF_TEXT) or 0
        self._tokenizer.enable_truncation(length)
        self._tokenizer.enable_padding(pad_id=end, pad_token=_END_OF_TEXT, length=length)
        self._answer = vector_among(self._answers("a picture"))
        self.dimensions = int(self._answers("a picture")[self._answer].size)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [self._answers(text)[self._answer].ravel() for text in texts]
        return unit_rows(np.asarray(rows, np.float32).reshape(-1, self.dimensions))

    def _answers(self, text: str) -> list[NDArray[np.float32]]:
        encoding = self._tokenizer.encode(text)
        return self._session.run(
            np.array([encoding.ids], np.int64), np.array([encoding.attention_mask], np.int64)
        )


def _tokenizer(content: bytes) -> "Tokenizer":
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise NotAnEmbedder("needs requirements-extras.txt") from error
    try:
        return Tokenizer.from_buffer(content)
    except Exception as error:  # the library raises nothing more exact
        raise NotAnEmbedder(f"comes with a tokenizer that cannot be read: {error}") from error


class Clip:
    """An embedder that knows words too."""

    def __init__(self, pictures: NetworkEmbedder, texts: TextTower) -> None:
        """Raises `NotAnEmbedder`."""
        if pictures.dimensions != texts.dimensions:
            raise NotAnEmbedder(
                f"answers with {pictures.dimensions} numbers for a picture, and with {texts.dimensions} "
                "for a text"
            )
        self.model_id = pictures.model_id
        self.dimensions = pictures.dimensions
        self.near_duplicate_score = pictures.near_duplicate_score
        self._pictures = pictures
        self._texts = texts

    def embed(self, views: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        return self._pictures.embed(views)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._texts.embed(texts)
