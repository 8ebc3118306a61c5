"""Both indexes, for tests of what they have in common."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from veilgate.search.faiss_index import FaissIndex
from veilgate.search.milvus_index import open_milvus_index
from veilgate.search.ports import VectorIndex
from veilgate.search.sizes import Sizes

DIMENSIONS = 16

# Opens the same index again at each call.
Open = Callable[[], VectorIndex]


@pytest.fixture(scope="session")
def milvus_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("milvus") / "lite.db")


@pytest.fixture(params=["faiss", "milvus"])
def open_index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    opened: list[VectorIndex] = []
    model_id = f"model-{uuid4().hex}"

    def open_again() -> VectorIndex:
        if request.param == "faiss":
            index: VectorIndex = small_faiss_index(tmp_path / "index", model_id=model_id)
        else:
            uri = request.getfixturevalue("milvus_file")
            index = open_milvus_index(uri, "", model_id=model_id, dimensions=DIMENSIONS)
        opened.append(index)
        return index

    yield open_again
    for index in opened:
        index.close()


SMALL = Sizes(tail_rows=64, approximated_from=256, exact_within=200)


def small_faiss_index(folder: Path, *, model_id: str = "model", sizes: Sizes = SMALL) -> FaissIndex:
    """One that seals early, so that little makes many segments."""
    index = FaissIndex(folder, model_id=model_id, dimensions=DIMENSIONS, sizes=sizes)
    index.load()
    return index
