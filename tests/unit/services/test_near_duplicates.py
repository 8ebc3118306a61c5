"""What the erasure of an image that many are like costs: them, and those that come after it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.ids import new_id
from veilgate.persistence.search_records import NewEmbedding
from veilgate.search.faiss_index import FaissIndex, open_faiss_index
from veilgate.search.ports import IndexEntry
from veilgate.services.finding.near_duplicates import NearDuplicates
from veilgate.services.images.erase import AskedBy, Erase
from veilgate.storage.local import LocalObjectStore

DIMENSIONS = 320
EYE = np.eye(DIMENSIONS, dtype=np.float32)
FRAME = EYE[0]


class Judged:
    """A database, the index of its log, and who judges by it."""

    def __init__(self, shelf: Shelf, folder: Path) -> None:
        self.shelf = shelf
        self.index: FaissIndex = open_faiss_index(folder / "index", model_id="m", dimensions=DIMENSIONS)
        self._judge = NearDuplicates(shelf.database, threshold=lambda _model_id: 0.9)
        self._erase = Erase(shelf.database, LocalObjectStore(folder / "objects"))
        with shelf.database.write() as transaction:
            transaction.index_models.add("m", dimensions=DIMENSIONS)

    def add(self, vectors: Sequence[NDArray[np.float32]]) -> list[str]:
        ids = [new_id() for _ in vectors]
        self.shelf.add(*ids)
        with self.shelf.database.write() as transaction:
            transaction.embeddings.put(
                [
                    NewEmbedding(image_id, OWNER, "m", "", (vector / np.linalg.norm(vector)).tobytes())
                    for image_id, vector in zip(ids, vectors, strict=True)
                ]
            )
        return ids

    def erase(self, image_id: str) -> int:
        """How many are to be judged again."""
        asked = "SELECT seq FROM index_log WHERE operation = 'judge'"
        before = len(self.shelf.rows(asked))
        self._erase.erase(image_id, OWNER, AskedBy("me"))
        return len(self.shelf.rows(asked)) - before

    def judge_some(self) -> int:
        with self.shelf.database.read() as transaction:
            lines = transaction.embeddings.log_after(self.index.seq, model_id="m", limit=9999)
        self.index.apply(
            [
                IndexEntry(
                    *(line.seq, line.operation, line.image_id, line.owner_id),
                    None if line.vector is None else np.frombuffer(line.vector, "<f4"),
                )
                for line in lines
            ]
        )
        return self._judge.judge_some(self.index)

    def judge_all(self) -> None:
        while self.judge_some():
            pass

    def points(self) -> dict[str, tuple[str | None, str | None]]:
        rows = self.shelf.rows("SELECT id, near_duplicate_of, duplicate_group FROM processed_images")
        return {row["id"]: (row["near_duplicate_of"], row["duplicate_group"]) for row in rows}


@pytest.fixture
def judged(sqlite_shelf: Shelf, tmp_path: Path) -> Judged:
    return Judged(sqlite_shelf, tmp_path)


def test_of_equal_images_only_the_next_is_judged_again(judged: Judged) -> None:
    """Black frames and test cards: all are like the first."""
    frames = judged.add([FRAME] * 6)
    like = judged.add([FRAME + EYE[1] / 10])[0]
    judged.judge_all()
    assert judged.points()[like] == judged.points()[frames[5]] == (frames[0], frames[0])
    assert judged.erase(frames[0]) == 2, "the next frame, and who is merely like it"
    judged.judge_all()
    first, *others = frames[1:]
    assert judged.points() == {first: (None, first), **dict.fromkeys([*others, like], (first, first))}
    assert judged.erase(others[-1]) == 0, "nobody pointed to that one"


def test_new_images_do_not_wait_for_what_is_judged_again(judged: Judged) -> None:
    first, *likes = judged.add([FRAME, *(FRAME + row / 10 for row in EYE[1:300])])
    judged.judge_all()
    assert judged.erase(first) == len(likes)
    one, other = judged.add([EYE[-1]] * 2)
    judged.judge_some()
    assert judged.points()[other] == (one, one)
    judged.judge_all()
    assert first not in {name for pair in judged.points().values() for name in pair}
