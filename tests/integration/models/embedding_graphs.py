"""Small ONNX graphs made by hand that turn pictures and texts into vectors."""

import json
from collections.abc import Sequence

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.integration.models.onnx_graphs import serialised

DIMENSIONS = 12
WORDS = ("dark", "red", "green", "blue", "a", "picture", "of")


def picture_tower(
    *, input_shape: Sequence[int | str] = (1, 3, 32, 32), dimensions: int = DIMENSIONS, scale: float = 1.0
) -> bytes:
    """The mean of each of the three channels, then as many zeros as make up the dimensions."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixels"], ["means"]),
        helper.make_node("Mul", ["means", "scale"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "spread"], ["vector"]),
    ]
    spread = np.zeros((dimensions, 3, 1, 1), np.float32)
    spread[:3, :, 0, 0] = np.eye(3)
    outline = helper.make_graph(
        nodes,
        "pictures",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, list(input_shape))],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, [input_shape[0], dimensions, 1, 1])],
        [
            numpy_helper.from_array(spread, "spread"),
            numpy_helper.from_array(np.array(scale, np.float32), "scale"),
        ],
    )
    return serialised(outline, {})


def text_tower(*, dimensions: int = DIMENSIONS, with_mask: bool = True, length: int | str = 77) -> bytes:
    """The sum of its words' directions: of a colour that of its channel, of every other none.

    Answers with a vector for each token first, as exports do, and then with that of the whole.
    """
    table = np.zeros((3 + len(WORDS), dimensions), np.float32)
    for channel, colour in enumerate(("red", "green", "blue")):
        table[_ids()[colour], channel] = 1
    names = ["attention_mask", "input_ids"] if with_mask else ["input_ids"]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["tokens"])]
    last = "tokens"
    if with_mask:
        nodes += [
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "last axis"], ["wide mask"]),
            helper.make_node("Mul", ["tokens", "wide mask"], ["said"]),
        ]
        last = "said"
    nodes.append(helper.make_node("ReduceSum", [last, "second axis"], ["text_embeds"], keepdims=0))
    outline = helper.make_graph(
        nodes,
        "texts",
        [helper.make_tensor_value_info(name, TensorProto.INT64, [1, length]) for name in names],
        [
            helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, length, dimensions]),
            helper.make_tensor_value_info("text_embeds", TensorProto.FLOAT, [1, dimensions]),
        ],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(np.array([1], np.int64), "second axis"),
            *([numpy_helper.from_array(np.array([-1], np.int64), "last axis")] if with_mask else []),
        ],
    )
    return serialised(outline, {})


def tokenizer() -> bytes:
    """A tokenizer.json that knows a handful of words."""
    document: dict[str, object] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": _ids(), "unk_token": "[UNK]"},
    }
    return json.dumps(document).encode()


def _ids() -> dict[str, int]:
    return {word: number for number, word in enumerate(("[UNK]", "<|startoftext|>", "<|endoftext|>", *WORDS))}
