"""Ids of images as sixteen bytes each, and where an id is in a table of them."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint8]  # one row of sixteen for each

ID_BYTES = 16
_TEXT_LENGTH = 36
# Odd, so that nothing of the lower half is lost: the upper half of a UUIDv7 is mostly the time.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def pack(image_id: str) -> bytes:
    """Raises `ValueError` for what is no UUID."""
    packed = bytes.fromhex(image_id.replace("-", ""))
    if len(packed) != ID_BYTES:
        raise ValueError(f"{image_id!r} is no UUID")
    return packed


def unpack(packed: bytes) -> str:
    text = packed.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def pack_known(image_ids: Iterable[str]) -> Ids:
    """Those that are UUIDs: of anything else there is no image."""
    texts = list(image_ids)
    try:
        packed = bytes.fromhex("".join(texts).replace("-", ""))
        if all(len(text) == _TEXT_LENGTH for text in texts) and len(packed) == ID_BYTES * len(texts):
            return as_rows([packed])
    except ValueError:
        pass
    return as_rows(_packed_if_known(texts))


def _packed_if_known(texts: Iterable[str]) -> Iterator[bytes]:
    for text in texts:
        with suppress(ValueError):
            yield pack(text)


def as_rows(packed: Iterable[bytes]) -> Ids:
    return np.frombuffer(b"".join(packed), np.uint8).reshape(-1, ID_BYTES)


class IdTable:
    """Finds rows by id, many at a time. No two rows have the same id."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        keys = _keys(ids)
        self._order = np.argsort(keys, kind="stable").astype(np.int32)
        self._keys = keys[self._order]

    def find(self, ids: Ids) -> NDArray[np.int64]:
        """The row of each, -1 for those that are not here."""
        found = np.full(len(ids), -1, np.int64)
        keys = _keys(ids)
        places = np.searchsorted(self._keys, keys)
        looking = np.arange(len(ids))
        # Several ids may share a key: step on until it ends.
        while len(looking):
            within = places < len(self._keys)
            looking, places = looking[within], places[within]
            same_key = self._keys[places] == keys[looking]
            looking, places = looking[same_key], places[same_key]
            rows = self._order[places]
            same_id = (self._ids[rows] == ids[looking]).all(axis=1)
            found[looking[same_id]] = rows[same_id]
            looking, places = looking[~same_id], places[~same_id] + 1
        return found


def _keys(ids: Ids) -> NDArray[np.uint64]:
    halves = np.ascontiguousarray(ids).view(np.uint64)
    keys: NDArray[np.uint64] = halves[:, 0] ^ (halves[:, 1] * _SPREAD)
    return keys
