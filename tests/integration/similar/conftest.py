"""A database and an index that a test fills, and what is asked of both; and a gateway between them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.little_search_server import MODEL, LittleSearchServer, at_likeness
from tests.fixtures.odd_server import OddServer
from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.keys import LockedGateway
from tests.integration.persistence.databases import (
    OWNER,
    Shelf,
    mariadb_shelf,
    migrated_file,
    shelf,
    sqlite_shelf,
)
from tests.integration.similar.lab import Lab
from veilgate.domain.ids import new_id
from veilgate.persistence.records import NewImage
from veilgate.persistence.search_records import NewEmbedding
from veilgate.search.client import SearchClient
from veilgate.services.finding.similarity import SimilarImage, Similarity, SimilarPage, SimilarWanted

__all__ = ["mariadb_shelf", "migrated_file", "shelf", "sqlite_shelf"]


class Album:
    """Images of which the index knows, named by how like they are to `sought`."""

    def __init__(self, shelf: Shelf, index: LittleSearchServer, client: SearchClient) -> None:
        self.shelf = shelf
        self.index = index
        self.similarity = Similarity(shelf.database, client)
        with shelf.database.write() as transaction:
            transaction.index_models.add(MODEL, dimensions=2)
        self.sought = self.add(1.0)

    def add(
        self, score: float, *, owner: str = OWNER, tag: str | None = None, filename: str = "a.jpg"
    ) -> str:
        image_id, vector = new_id(), at_likeness(score)
        kept = NewImage(image_id, owner, "0" * 64, filename, 1, "jpeg", 9, 9, f"original/{image_id}")
        with self.shelf.database.write() as transaction:
            transaction.images.insert(kept)
            if tag:
                transaction.images.replace_tags(image_id, "tagged", {tag: 1}, owner_id=owner)
            transaction.embeddings.put([NewEmbedding(image_id, owner, MODEL, "0" * 64, vector)])
        self.index.know(image_id, owner, vector)
        return image_id

    def erase(self, *image_ids: str) -> None:
        """From the database alone: the index has not heard of it yet."""
        with self.shelf.database.write() as transaction:
            for table in ("embeddings", "tags", "processed_images"):
                column = "id" if table == "processed_images" else "image_id"
                for image_id in image_ids:
                    transaction.connection.exec_driver_sql(
                        f"DELETE FROM {table} WHERE {column} = '{image_id}'"  # noqa: S608 - ids of ours
                    )

    def page(self, wanted: SimilarWanted | None = None) -> SimilarPage:
        return self.similarity.like_image(self.sought, OWNER, wanted or SimilarWanted())


def ids_of(hits: tuple[SimilarImage, ...]) -> list[str]:
    return [hit.image.image_id for hit in hits]


@pytest.fixture
def index() -> Iterator[LittleSearchServer]:
    server = LittleSearchServer()
    yield server
    server.close()


@pytest.fixture
def client(index: LittleSearchServer) -> Iterator[SearchClient]:
    client = SearchClient(index.url, 2.0)
    yield client
    client.close()


@pytest.fixture
def album(sqlite_shelf: Shelf, index: LittleSearchServer, client: SearchClient) -> Album:
    return Album(sqlite_shelf, index, client)


@pytest.fixture
def any_album(shelf: Shelf, index: LittleSearchServer, client: SearchClient) -> Album:
    """In each kind of database in turn."""
    return Album(shelf, index, client)


@pytest.fixture(scope="session")
def _lab() -> Iterator[Lab]:
    web, index = OddServer("127.0.0.1"), LittleSearchServer()
    with tempfile.TemporaryDirectory(prefix="vg-") as folder:
        redis = RunningRedis(Path(folder), keep=False)
        gateway = LockedGateway(
            Path(folder) / "data",
            redis.url,
            SEARCH_URL=index.url,
            FETCH_ALLOW=f"127.0.0.1:{web.port}",
            MAX_UPLOAD_BYTES="4000000",
            MAX_PIXELS="2000000",
            LIMIT_BYTES_PER_HOUR="40000000",
        )
        found = Lab(gateway, index, web)
        yield found
        found.close()
        gateway.close()
        redis.kill()
    web.close()
    index.close()


@pytest.fixture
def lab(_lab: Lab) -> Iterator[Lab]:
    """Shared, with a search server that works, and owners of its own."""
    _lab.alice, _lab.bob = _lab.newcomer(), _lab.newcomer()
    yield _lab
    _lab.index.hangs = False
    _lab.index.refuses = None
