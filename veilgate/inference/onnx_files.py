"""From the content of an ONNX file to a graph, or to a line that says what it is instead."""

from veilgate.inference.model_spec import ModelSpec
from veilgate.inference.onnx_weights import names_other_files
from veilgate.inference.openvino_runtime import OpenVinoGraph

# How files begin that are saved under a model's name by mistake.
_OTHER_FORMATS = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"PK\x03\x04": "a zip file; a .pt model is one, and must be named so",
    b"<!doctype html": "a web page, not what its address promised",
    b"<html": "a web page, not what its address promised",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself",
}


def read_onnx(spec: ModelSpec, onnx: bytes) -> OpenVinoGraph:
    """Raises `ConfigurationError`, naming the setting."""
    start = onnx[:64].lstrip().lower()
    for magic, name in _OTHER_FORMATS.items():
        if start.startswith(magic.lower()):
            raise spec.wrong(f"is no ONNX file but {name}")
    try:
        graph, elsewhere = OpenVinoGraph(onnx), names_other_files(onnx)
    except (RuntimeError, ValueError, MemoryError) as error:
        raise spec.wrong("is not a graph that runs here: it is damaged, or no ONNX file at all") from error
    if elsewhere:
        raise spec.wrong("keeps its weights in another file; export it with all of them inside")
    return graph


def last_line(error: Exception) -> str:
    """The last line that says something: OpenVINO begins with where in its sources it stood."""
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
