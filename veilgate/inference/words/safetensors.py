"""Read a file of weights as safetensors lays it out: eight bytes that say how long the JSON is that says
where each tensor lies, then the tensors."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LONGEST_HEADER_BYTES = 1 << 24
_ABOUT_THE_FILE = "__metadata__"


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """The float32 tensors by name, mapped and not read: of a vocabulary only the words asked for come in.

    Raises ValueError for what is no such file, and OSError.
    """
    content = np.asarray(np.memmap(path, np.uint8, "r"))
    length = struct.unpack("<Q", content[:8].tobytes().ljust(8, b"\0"))[0]
    if not 2 <= length <= min(_LONGEST_HEADER_BYTES, content.size - 8):
        raise ValueError(f"{path.name} is not laid out as safetensors")
    header = json.loads(content[8 : 8 + length].tobytes())
    tensors = content[8 + length :]
    return {
        name: _tensor(tensors, entry)
        for name, entry in header.items()
        if name != _ABOUT_THE_FILE and entry["dtype"] == "F32"
    }


def _tensor(tensors: NDArray[np.uint8], entry: dict[str, Any]) -> NDArray[np.float32]:
    begin, end = entry["data_offsets"]
    return tensors[begin:end].view("<f4").reshape(entry["shape"])
