"""BERT's encoder in numpy: a word has four tokens or so, for which no runtime need be started."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.float32]


class Bert:
    """From token ids to a vector for each token. Safe to call from several threads."""

    def __init__(self, weights: Mapping[str, Tensor], *, layers: int, heads: int, epsilon: float) -> None:
        """`weights` by the names that Hugging Face's BertModel gives them."""
        self._weights = weights
        self._heads = heads
        self._epsilon = epsilon
        self._layers = layers
        self.dimensions = int(weights["embeddings.LayerNorm.weight"].shape[0])

    def encode(self, ids: NDArray[np.int64]) -> Tensor:
        """(N, length, dimensions) for N texts of equal length, none of it padding."""
        weights = self._weights
        places = weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kind = weights["embeddings.token_type_embeddings.weight"][0]
        states: Tensor = weights["embeddings.word_embeddings.weight"][ids] + places + kind
        states = self._norm("embeddings.LayerNorm", states)
        for layer in range(self._layers):
            states = self._layer(f"encoder.layer.{layer}", states)
        return states

    def _layer(self, name: str, states: Tensor) -> Tensor:
        heard = self._dense(f"{name}.attention.output.dense", self._attend(f"{name}.attention.self", states))
        states = self._norm(f"{name}.attention.output.LayerNorm", heard + states)
        thought = self._dense(
            f"{name}.output.dense", _gelu(self._dense(f"{name}.intermediate.dense", states))
        )
        return self._norm(f"{name}.output.LayerNorm", thought + states)

    def _attend(self, name: str, states: Tensor) -> Tensor:
        query, key, value = (
            self._by_head(self._dense(f"{name}.{part}", states)) for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(query.shape[-1]))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        heard: Tensor = (scores / scores.sum(axis=-1, keepdims=True)) @ value
        return np.asarray(heard.swapaxes(1, 2).reshape(states.shape))

    def _by_head(self, states: Tensor) -> Tensor:
        count, length, width = states.shape
        return states.reshape(count, length, self._heads, width // self._heads).swapaxes(1, 2)

    def _dense(self, name: str, states: Tensor) -> Tensor:
        # In one piece: numpy would multiply the words of a stack one by one.
        flat = states.reshape(-1, states.shape[-1]) @ self._weights[f"{name}.weight"].T
        return (flat + self._weights[f"{name}.bias"]).reshape(*states.shape[:-1], -1)

    def _norm(self, name: str, states: Tensor) -> Tensor:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(self._epsilon))
        normed: Tensor = centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return normed


def _gelu(values: Tensor) -> Tensor:
    return values * np.float32(0.5) * (1 + _erf(values * np.float32(np.sqrt(0.5))))


def _erf(values: Tensor) -> Tensor:
    """Abramowitz and Stegun 7.1.26, within 1.5e-7: numpy has none."""
    size = np.abs(values)
    part = 1 / (1 + np.float32(0.3275911) * size)
    series = np.zeros_like(part)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(factor)) * part
    return np.asarray(np.sign(values) * (1 - series * np.exp(-size * size)))
