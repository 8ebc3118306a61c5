"""The gateway dies at each step of accepting a picture."""

from tests.faults.cells import MARIADB, SQLITE, Seen, cell
from tests.faults.client import Clients
from tests.faults.oracle import Oracle
from tests.faults.rig import Rig

BOTH = (MARIADB, SQLITE)


@cell("F2", fault="gateway killed after commit, before enqueue", promised="the job runs", houses=BOTH)
def test_killed_after_commit(rig: Rig, oracle: Oracle, clients: Clients, seen: Seen) -> None:
    rig.restart("gateway", failpoints="after_commit:kill9@2")
    clients.upload()
    photo = clients.photo()
    assert clients.send(photo) is None, "the gateway was to die"
    clients.insist(photo)
    assert rig.members["gateway"].ends[-1] == -9
    oracle.check()
    rows = rig.select("SELECT id FROM processed_images WHERE filename = :name", name=photo.filename)
    assert len(rows) == 1, "the careful client's second try must join the first"
    seen.saw("ran once, and the client's next try joined it")
