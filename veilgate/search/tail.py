"""The newest rows of an index, in the order in which they came."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from veilgate.search.identifiers import ID_BYTES, Ids, IdTable, pack
from veilgate.search.ports import Vector

# The version in which a row dies that lives.
NEVER = np.iinfo(np.int64).max

Rows = NDArray[np.int64]


class Tail:
    """One thread appends; readers look at the first `count` rows that their view names, and never beyond.

    All memory is there from the start, so that a reader's arrays stay valid while rows are added.
    """

    def __init__(self, *, capacity: int, dimensions: int) -> None:
        self.vectors: Vector = np.empty((capacity, dimensions), np.float32)
        self.ids: Ids = np.empty((capacity, ID_BYTES), np.uint8)
        self.seqs: NDArray[np.int64] = np.empty(capacity, np.int64)
        self.died: NDArray[np.int64] = np.full(capacity, NEVER, np.int64)
        self.owners: list[str] = []
        self._owner_codes: NDArray[np.int32] = np.empty(capacity, np.int32)
        self._code_by_owner: dict[str, int] = {}
        # An image that is added again is in here twice: its newer row is meant.
        self._row_by_id: dict[bytes, int] = {}

    @property
    def count(self) -> int:
        return len(self.owners)

    @property
    def is_full(self) -> bool:
        return len(self.owners) == len(self.seqs)

    def append(self, image_id: str, owner_id: str, *, seq: int, vector: Vector) -> None:
        row = len(self.owners)
        packed = pack(image_id)
        self.vectors[row] = vector
        self.ids[row] = np.frombuffer(packed, np.uint8)
        self.seqs[row] = seq
        self._owner_codes[row] = self._code_by_owner.setdefault(owner_id, len(self._code_by_owner))
        self._row_by_id[packed] = row
        self.owners.append(owner_id)

    def kill(self, row: int, *, version: int) -> None:
        self.died[row] = version

    def owner_names(self) -> Iterable[str]:
        return list(self._code_by_owner)

    def owner_codes(self, codes: Mapping[str, int]) -> NDArray[np.int32]:
        """The code of each row's owner."""
        own = np.array([codes.get(name, -1) for name in list(self._code_by_owner)], np.int32)
        return own[self._owner_codes[: self.count]]

    def find(self, packed: bytes) -> int | None:
        """The row that was added last for an image, dead or not."""
        return self._row_by_id.get(packed)

    def rows_of(self, owner_id: str, *, count: int) -> Rows:
        """The owner's rows among the first `count`, dead ones too."""
        code = self._code_by_owner.get(owner_id, -1)
        return np.flatnonzero(self._owner_codes[:count] == code)

    def rows_among(self, wanted: Ids, *, owner_id: str, count: int) -> Rows:
        mine = self.rows_of(owner_id, count=count)
        return mine[IdTable(wanted).find(self.ids[mine]) >= 0] if len(mine) else mine
