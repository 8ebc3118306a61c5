"""Weights in other files are seen wherever a graph can hold them."""

import pytest
from onnx import GraphProto, ModelProto, SparseTensorProto, TensorProto, helper

from veilgate.inference.onnx_weights import names_other_files


def tensor(*, elsewhere: bool) -> TensorProto:
    made = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], raw_data=b"x" * 8)
    if elsewhere:
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        made.external_data.add(key="location", value="w.bin")
    return made


def graph(inner: TensorProto) -> GraphProto:
    return GraphProto(name="g", initializer=[inner])


def models(inner: TensorProto) -> dict[str, ModelProto]:
    sparse = SparseTensorProto(values=inner, dims=[2])
    deep = GraphProto(node=[helper.make_node("If", ["x"], ["y"], then_branch=graph(inner))])
    function = helper.make_function(
        "d", "f", ["x"], ["y"], [helper.make_node("Constant", [], ["y"], value=inner)], []
    )
    return {
        "initializer": ModelProto(ir_version=9, graph=graph(inner)),
        "sparse": ModelProto(graph=GraphProto(sparse_initializer=[sparse])),
        "constant": ModelProto(graph=GraphProto(node=[helper.make_node("Constant", [], ["y"], value=inner)])),
        "several": ModelProto(graph=GraphProto(node=[helper.make_node("C", [], ["y"], values=[inner])])),
        "branch": ModelProto(graph=deep),
        "function": ModelProto(functions=[function]),
    }


@pytest.mark.parametrize("place", list(models(tensor(elsewhere=False))))
def test_every_place_is_looked_at(place: str) -> None:
    assert not names_other_files(models(tensor(elsewhere=False))[place].SerializeToString())
    assert names_other_files(models(tensor(elsewhere=True))[place].SerializeToString())


@pytest.mark.parametrize(
    "content", [b"\xff", b"\x3a\x05ab", b"\x80" * 20, b"\x0b", b"\x09abc", b"\x3a\xff\xff\x03"]
)
def test_what_is_not_laid_out_so_is_said(content: bytes) -> None:
    with pytest.raises(ValueError, match="protobuf"):
        names_other_files(content)
