"""One collection of a Milvus, and what is asked of it."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from veilgate.domain.errors import ConfigurationError, SearchUnavailable
from veilgate.search.ports import Hit, Vector

# The row that says how far the log was carried out. No image has such an id, and nobody such an owner.
_MARK = "applied"
_NOBODY = ""
# A condition that names thousands of images is parsed for longer than it is searched with.
_IDS_TOGETHER = 1000
# More Milvus does not answer with.
_DEEPEST = 16_384
# Without limits of ours pymilvus tries 75 times.
_CONNECT_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 5.0
_WRITE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class MilvusRow:
    image_id: str
    owner_id: str
    seq: int
    vector: Vector


class MilvusCollection:
    """Every call raises `SearchUnavailable` where Milvus does not answer or says no."""

    def __init__(self, client: Any, name: str, *, dimensions: int) -> None:
        self._client = client
        self._name = name
        self._dimensions = dimensions

    def applied_seq(self) -> int:
        with _translated():
            found = self._client.query(
                self._name, ids=[_MARK], output_fields=["seq"], timeout=_READ_TIMEOUT_S
            )
            return int(found[0]["seq"]) if found else 0

    def mark_applied(self, seq: int) -> None:
        direction = np.zeros(self._dimensions, np.float32)
        direction[0] = 1
        self.put([MilvusRow(_MARK, _NOBODY, seq, direction)])

    def put(self, rows: Sequence[MilvusRow]) -> None:
        with _translated():
            self._client.upsert(self._name, [asdict(row) for row in rows], timeout=_WRITE_TIMEOUT_S)

    def remove(self, image_ids: Sequence[str], *, up_to_seq: int) -> None:
        """These, but not what was added by a later line."""
        for chunk in _in_pieces(image_ids):
            with _translated():
                self._client.delete(
                    self._name,
                    filter=f"image_id in {json.dumps(chunk)} and seq <= {up_to_seq}",
                    timeout=_WRITE_TIMEOUT_S,
                )

    def count(self, condition: str) -> int:
        """How many images fulfil it; all, if there is none."""
        wanted = condition or f"owner_id != {json.dumps(_NOBODY)}"
        with _translated():
            found = self._client.query(
                self._name, filter=wanted, output_fields=["count(*)"], timeout=_READ_TIMEOUT_S
            )
            return int(found[0]["count(*)"])

    def image_ids(self) -> Iterator[str]:
        with _translated():
            pages = self._client.query_iterator(
                self._name,
                batch_size=_IDS_TOGETHER,
                filter=f"owner_id != {json.dumps(_NOBODY)}",
                output_fields=["image_id"],
            )
            while page := pages.next():
                yield from [row["image_id"] for row in page]
            pages.close()

    def nearest(self, vector: Vector, condition: str, *, depth: int, at_least: int) -> list[Hit]:
        """The likest of those that fulfil the condition; looked for more deeply if too few come up."""
        while True:
            hits = self._nearest(vector, condition, min(depth, _DEEPEST))
            if len(hits) >= min(at_least, _DEEPEST) or depth >= _DEEPEST:
                return hits
            depth *= 4

    def close(self) -> None:
        self._client.close()

    def _nearest(self, vector: Vector, condition: str, depth: int) -> list[Hit]:
        with _translated():
            [found] = self._client.search(
                self._name,
                data=[vector],
                limit=depth,
                filter=condition,
                output_fields=["seq"],
                timeout=_READ_TIMEOUT_S,
            )
            return [Hit(row["image_id"], float(row["distance"]), int(row["entity"]["seq"])) for row in found]


def conditions(owner_id: str, among: frozenset[str] | None, *, below_seq: int | None) -> Iterator[str]:
    """What candidates fulfil, in as many pieces as `among` is too long for one."""
    if owner_id == _NOBODY:
        return
    first = f"owner_id == {json.dumps(owner_id)}"
    if below_seq is not None:
        first = f"{first} and seq < {below_seq}"
    if among is None:
        yield first
        return
    for chunk in _in_pieces(sorted(among)):
        yield f"{first} and image_id in {json.dumps(chunk)}"


def open_collection(uri: str, token: str, *, model_id: str, dimensions: int) -> MilvusCollection:
    """The collection of a model, made where there is none."""
    if not uri:
        raise ConfigurationError("MILVUS_URI: VECTOR_INDEX=milvus needs the address of a Milvus")
    try:
        from pymilvus import DataType, MilvusClient
    except ImportError as error:
        raise ConfigurationError(
            "VECTOR_INDEX: milvus needs pymilvus, which requirements-extras.txt installs"
        ) from error
    name = collection_name(model_id, dimensions)
    with _translated():
        client = MilvusClient(uri=uri, token=token, timeout=_CONNECT_TIMEOUT_S)
        if not client.has_collection(name):
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("image_id", DataType.VARCHAR, is_primary=True, max_length=36)
            schema.add_field("owner_id", DataType.VARCHAR, max_length=36)
            schema.add_field("seq", DataType.INT64)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimensions)
            likeness = client.prepare_index_params()
            likeness.add_index("vector", index_type="AUTOINDEX", metric_type="COSINE")
            client.create_collection(name, schema=schema, index_params=likeness, consistency_level="Strong")
        client.load_collection(name)
    return MilvusCollection(client, name, dimensions=dimensions)


def collection_name(model_id: str, dimensions: int) -> str:
    """Milvus takes letters, digits and underscores; the digest keeps two models apart."""
    digest = hashlib.sha256(model_id.encode()).hexdigest()[:12]
    readable = re.sub(r"\W", "_", model_id, flags=re.ASCII)[:80]
    return f"veilgate_{readable}_{dimensions}_{digest}"


def _in_pieces(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _IDS_TOGETHER] for start in range(0, len(ids), _IDS_TOGETHER))


@contextmanager
def _translated() -> Iterator[None]:
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        raise SearchUnavailable(f"Milvus does not answer as it should: {error.message}") from error
