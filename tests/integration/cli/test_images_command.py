"""`veilgate images erase`, as an operator uses it when somebody asks to be forgotten."""

from subprocess import CompletedProcess

from sqlalchemy import update

from database_models import jobs, processed_images
from tests.integration.api.gateway import Processes
from tests.integration.persistence.databases import Shelf, sqlite_shelf
from veilgate.cli.keys import unix_user
from veilgate.domain.ids import new_id
from veilgate.storage.local import LocalObjectStore

__all__ = ["sqlite_shelf"]


def test_one_and_all_of_an_owner(sqlite_shelf: Shelf) -> None:
    shelf = sqlite_shelf
    store = LocalObjectStore(shelf.folder / "objects")
    first, *hers = ids = [new_id() for _ in range(4)]
    shelf.add(*ids)
    with shelf.database.write() as transaction:
        for table, column in ((processed_images, processed_images.c.id), (jobs, jobs.c.id)):
            transaction.connection.execute(update(table).where(column.in_(hers)).values(owner_id="carol"))
    for image_id in ids:
        store.put(f"original/2026/01/01/{image_id}", b"x", media_type="image/jpeg")

    processes = Processes(shelf.folder, "unix:///nowhere/redis.sock")

    def erase(*words: str) -> CompletedProcess[str]:
        return processes.ask("-m", "veilgate", "images", "erase", *words)

    answer = erase(first, unknown := new_id())
    assert (answer.returncode, answer.stdout) == (1, f"{first}  erased\n")
    assert answer.stderr == f"veilgate: {unknown}: There is no such image.\n"
    assert erase("--all-of", "carol").returncode == 2, "not without --yes"
    assert len(shelf.rows("SELECT id FROM processed_images")) == 3
    answer = erase("--all-of", "carol", "--yes")
    assert (answer.returncode, answer.stdout) == (0, "3 images of carol erased\n"), answer.stderr
    assert shelf.rows("SELECT id FROM processed_images") == []
    assert list(store.list("")) == []
    entries = shelf.rows("SELECT owner_id, actor FROM audit_log ORDER BY id")
    assert {entry["actor"] for entry in entries} == {f"cli:{unix_user()}"}
    assert [entry["owner_id"] for entry in entries] == ["owner-1", "carol", "carol", "carol"]
