"""A gateway that lets in whom it knows, and asks a search server that a test holds in its hands."""

from typing import Any

import httpx

from tests.fixtures.little_search_server import MODEL, LittleSearchServer, at_likeness
from tests.fixtures.odd_server import OddServer
from tests.integration.api.keys import Headers, LockedGateway
from tests.integration.api.samples import fresh
from veilgate.domain.access import Scope
from veilgate.persistence.engine import open_engine
from veilgate.persistence.search_records import NewEmbedding
from veilgate.persistence.unit_of_work import Database
from veilgate.services.access.keys import Keys


class Lab:
    """Nobody works for this gateway: `add` says what the model made of an image."""

    def __init__(self, gateway: LockedGateway, index: LittleSearchServer, web: OddServer) -> None:
        self.gateway = gateway
        self.index = index
        self.web = web
        self._database = Database(open_engine(f"sqlite:///{gateway.data_dir / 'veilgate.db'}"))
        self._keys = Keys(self._database)
        with self._database.write() as transaction:
            transaction.index_models.add(MODEL, dimensions=2)

        self.alice, self.bob = self.newcomer(), self.newcomer()

    def newcomer(self) -> Headers:
        """The key of somebody of whom nobody has seen anything yet. As `veilgate keys create` makes it, in
        less than its second."""
        owner_id = f"owner-{len(self._keys.list())}"
        return {"Authorization": f"Bearer {self._keys.create(owner_id, frozenset(Scope)).text}"}

    def close(self) -> None:
        self._database.close()

    def add(self, score: float, owner: Headers, *, filename: str = "a.jpg") -> str:
        """An image that is so like to what the search server sees in every query picture."""
        files = {"file": (filename, fresh())}
        image_id: str = self.gateway.http.post("/upload", files=files, headers=owner).json()["job_id"]
        vector = at_likeness(score)
        owner_id = self.owner_id(image_id)
        with self._database.write() as transaction:
            transaction.embeddings.put([NewEmbedding(image_id, owner_id, MODEL, "0" * 64, vector)])
        self.index.know(image_id, owner_id, vector)
        return image_id

    def owner_id(self, image_id: str) -> str:
        query = f"SELECT owner_id FROM processed_images WHERE id = '{image_id}'"  # noqa: S608 - an id of ours
        return str(self.gateway.select(query)[0]["owner_id"])

    def change(self, image_id: str, **columns: object) -> None:
        """What the search server writes down of an image."""
        changes = ", ".join(f"{name} = ?" for name in columns)
        with self._database.write() as transaction:
            transaction.connection.exec_driver_sql(
                f"UPDATE processed_images SET {changes} WHERE id = ?",  # noqa: S608 - names from tests
                (*columns.values(), image_id),
            )

    def execute(self, *statements: str) -> None:
        with self._database.write() as transaction:
            for statement in statements:
                transaction.connection.exec_driver_sql(statement)

    def get(self, path: str, owner: Headers, **parameters: Any) -> httpx.Response:
        return self.gateway.http.get(path, headers=owner, params=parameters)

    def search(self, picture: bytes, owner: Headers, **fields: Any) -> httpx.Response:
        """POST /search with a file, and the fields in the form."""
        files = {"file": ("q.jpg", picture)}
        return self.gateway.http.post("/search", headers=owner, files=files, data=fields)


def ids_in(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [hit["image_id"] for hit in answer.json()["hits"]]
