"""Whether an ONNX file holds all its weights itself: else its sha256 would not tell what is loaded.

ONNX may name other files for them, and OpenVINO takes those that lie below the folder it is run in. The file
is walked as protobuf says it is laid out: fields of a number, a wire type and a value.
"""

from collections.abc import Iterator

# Message -> field number -> the message in that field, as far as a tensor can lie below it (onnx.proto).
_BELOW: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external data"},
}
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10


def names_other_files(onnx: bytes) -> bool:
    """Whether any tensor lies in another file. Raises ValueError for what is not laid out as protobuf."""
    waiting = [("model", memoryview(onnx))]
    while waiting:
        message, content = waiting.pop()
        for number, value in _fields(content):
            below = _BELOW[message].get(number)
            if below == "external data":
                return True
            if below is not None:
                waiting.append((below, value))
    return False


def _fields(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and value of the fields that have a length; the others hold numbers."""
    position = 0
    while position < len(content):
        tag, position = _varint(content, position)
        size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(tag & 7)
        if tag & 7 == _VARINT:
            _, position = _varint(content, position)
            continue
        if tag & 7 == _LENGTH:
            size, position = _varint(content, position)
        if size is None or position + size > len(content):
            raise ValueError("not laid out as protobuf")
        if tag & 7 == _LENGTH:
            yield tag >> 3, content[position : position + size]
        position += size


def _varint(content: memoryview, position: int) -> tuple[int, int]:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    value = 0
    for place, byte in enumerate(content[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, position + place + 1
    raise ValueError("not laid out as protobuf")
