"""Search servers as processes of their own, over one database that tests write embeddings into."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from tests.integration.api.gateway import Processes
from tests.integration.persistence.databases import Shelf
from tests.waiting import wait_until
from veilgate.domain.errors import SearchUnavailable
from veilgate.domain.ids import new_id
from veilgate.domain.search import Hit
from veilgate.inference.embedders.descriptor import Descriptor
from veilgate.persistence.records import NewImage
from veilgate.persistence.search_records import NewEmbedding
from veilgate.persistence.tables.search import embeddings
from veilgate.persistence.unit_of_work import Transaction
from veilgate.search.client import SearchClient
from veilgate.search.wire import SearchAnswer
from veilgate.services.finding.near_duplicates import judged_counter, rejudged_counter
from veilgate.stages.embed_picture import EmbeddedPicture

MODEL = Descriptor().model_id
DIMENSIONS = Descriptor().dimensions
OWNER = "owner-1"
# From which likeness on images are near-duplicates, in houses that look at that.
THRESHOLD = 0.9
# Nobody listens there: who is present is another test's business.
NO_REDIS = "redis://127.0.0.1:1/0"

Vectors = NDArray[np.float32]


def unit_rows(rows: NDArray[np.floating[Any]]) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def random_vectors(count: int, *, seed: int, dimensions: int = DIMENSIONS) -> Vectors:
    return unit_rows(np.random.default_rng(seed).standard_normal((count, dimensions)))


class Server:
    """One search server with a folder of its own. `restart` is with the same folder."""

    def __init__(self, house: "SearchHouse", folder: Path, redis_url: str, **settings: str) -> None:
        self._house = house
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.processes = Processes(folder, redis_url, DATABASE_URL=house.shelf.url, **settings)
        self.client = SearchClient(folder / "search" / "search.sock", timeout_s=10)
        self.start()

    def start(self, **settings: str) -> None:
        self.process = self.processes.start("search_server.py", **settings)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(30)

    def health(self) -> dict[str, Any]:
        return self.client.health()

    def index(self, model_id: str = MODEL) -> dict[str, Any] | None:
        """What it says of an index; None while it does not answer or has none."""
        try:
            indexes = self.health()["indexes"]
        except SearchUnavailable:
            assert self.process.poll() is None, self.log[-3000:]
            return None
        return next((one for one in indexes if one["model"] == model_id), None)

    def wait_until_followed(self, seq: int | None = None, *, model_id: str = MODEL) -> None:
        """Until everything that is committed now, or up to `seq`, can be found."""
        seq = self._house.last_seq() if seq is None else seq

        def has_followed() -> bool:
            index = self.index(model_id)
            return index is not None and index["ready"] and index["seq"] >= seq

        wait_until(
            has_followed, timeout_s=30, what=f"{self.folder.name} to follow up to {seq}\n{self.log[-800:]}"
        )

    def search(
        self, vector: Vectors, *, k: int = 10, owner: str = OWNER, among: Sequence[str] | None = None
    ) -> SearchAnswer:
        return self.client.search(MODEL, owner, vector=vector.tobytes(), k=k, among=among)

    @property
    def log(self) -> str:
        return (self.folder / "processes.log").read_text(errors="replace")

    def close(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(30)


class SearchHouse:
    """A database, and the search servers over it."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.servers: list[Server] = []

    def open_server(self, name: str = "search", *, redis_url: str = NO_REDIS, **settings: str) -> Server:
        server = Server(self, self.shelf.folder / name, redis_url, **settings)
        self.servers.append(server)
        return server

    def close(self) -> None:
        for server in self.servers:
            server.close()

    def add(
        self, vectors: Iterable[Vectors], *, owner: str = OWNER, model_id: str = MODEL, a_time: int = 100
    ) -> list[str]:
        """Images with these embeddings, in this order; so many in a transaction."""
        rows = list(vectors)
        ids = [new_id() for _ in rows]
        for start in range(0, len(rows), a_time):
            with self.shelf.database.write() as transaction:
                for image_id in ids[start : start + a_time]:
                    insert_image(transaction, image_id, owner)
                transaction.embeddings.put(
                    [
                        new_embedding(image_id, vector, owner=owner, model_id=model_id)
                        for image_id, vector in zip(
                            ids[start : start + a_time], rows[start : start + a_time], strict=True
                        )
                    ]
                )
        return ids

    def put_again(self, image_id: str, vector: Vectors, *, owner: str = OWNER) -> None:
        """As a redo does."""
        with self.shelf.database.write() as transaction:
            transaction.embeddings.put([new_embedding(image_id, vector, owner=owner)])

    def remove(self, image_id: str) -> None:
        with self.shelf.database.write() as transaction:
            transaction.embeddings.remove(image_id)

    def take_lease_away(self) -> None:
        """As when whoever leads has been dead for long enough."""
        with self.shelf.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM leader_leases")

    def last_seq(self) -> int:
        with self.shelf.database.read() as transaction:
            return transaction.embeddings.last_seq()

    def judged_to(self, model_id: str = MODEL) -> int:
        with self.shelf.database.read() as transaction:
            counters = judged_counter(model_id), rejudged_counter(model_id)
            return min(transaction.counters.get(counter) for counter in counters)

    def wait_until_judged(self) -> None:
        seq = self.last_seq()
        wait_until(lambda: self.judged_to() >= seq, timeout_s=30, what=f"near-duplicates up to {seq}")

    def kinship(self, owner: str = OWNER) -> dict[str, tuple[str | None, str | None]]:
        """Of each image, what it is a near-duplicate of, and its group."""
        rows = self.shelf.rows(
            "SELECT id, near_duplicate_of, duplicate_group FROM processed_images WHERE owner_id = :owner",
            owner=owner,
        )
        return {row["id"]: (row["near_duplicate_of"], row["duplicate_group"]) for row in rows}

    def likest(
        self, vector: Vectors, *, k: int = 10, owner: str = OWNER, model_id: str = MODEL
    ) -> tuple[Hit, ...]:
        """Found by comparing everything that the database has."""
        columns = embeddings.c
        with self.shelf.engine.connect() as connection:
            rows = connection.execute(
                select(columns.image_id, columns.seq, columns.vector).where(
                    columns.owner_id == owner, columns.model_id == model_id, columns.vector.is_not(None)
                )
            ).all()
        scored = [
            Hit(row.image_id, float(np.frombuffer(row.vector, "<f4") @ vector), row.seq) for row in rows
        ]
        return tuple(sorted(scored, key=lambda hit: (-hit.score, hit.seq))[:k])


def insert_image(transaction: Transaction, image_id: str, owner: str) -> None:
    transaction.images.insert(
        NewImage(image_id, owner, "0" * 64, "a.jpg", 1, "jpeg", 10, 10, f"original/2026/01/01/{image_id}")
    )


def new_embedding(
    image_id: str, vector: Vectors, *, owner: str = OWNER, model_id: str = MODEL
) -> NewEmbedding:
    made = EmbeddedPicture(model_id, "", vector.astype("<f4").tobytes())
    return NewEmbedding(image_id, owner, model_id, made.picture_sha256, made.vector)


def same_hits(found: Sequence[Hit], wanted: Sequence[Hit]) -> bool:
    """The same images in the same order, with the same scores but for the last bits."""
    return [(hit.image_id, hit.seq) for hit in found] == [(hit.image_id, hit.seq) for hit in wanted] and (
        np.allclose([hit.score for hit in found], [hit.score for hit in wanted], atol=1e-5)
    )
