"""Where the indexes of this process are kept, one for each time that a model was named.

A model that is named again begins anew: an index of the time before may have images that were erased since.
"""

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from veilgate.search.ports import VectorIndex


class IndexShelf(Protocol):
    def open(self, model_id: str, *, dimensions: int, named_at_ms: int) -> VectorIndex: ...

    def keep_only(self, models: Collection[tuple[str, int]]) -> None:
        """Throw away what is kept of others; those that are open are among the ones to keep."""
        ...


class FaissShelf:
    """Snapshots in a folder each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, model_id: str, *, dimensions: int, named_at_ms: int) -> VectorIndex:
        # Here, because faiss takes its time.
        from veilgate.search.faiss_index import open_faiss_index

        folder = self.folder_of(model_id, named_at_ms)
        return open_faiss_index(folder, model_id=model_id, dimensions=dimensions)

    def keep_only(self, models: Collection[tuple[str, int]]) -> None:
        kept = {self.folder_of(*model) for model in models}
        for folder in self._folder.glob("*"):
            if folder.is_dir() and folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def folder_of(self, model_id: str, named_at_ms: int) -> Path:
        return self._folder / f"{quote(model_id, safe='')}@{named_at_ms}"


class MilvusShelf:
    """Collections of a Milvus, which several search servers may write: each line of the log is carried out
    with the same end however often. Those of earlier models stay until somebody drops them."""

    def __init__(self, uri: str, token: str) -> None:
        self._uri, self._token = uri, token

    def open(self, model_id: str, *, dimensions: int, named_at_ms: int) -> VectorIndex:
        from veilgate.search.milvus_index import open_milvus_index

        return open_milvus_index(
            self._uri, self._token, model_id=model_id, dimensions=dimensions, named_at_ms=named_at_ms
        )

    def keep_only(self, models: Collection[tuple[str, int]]) -> None:
        """Nothing is kept here."""
