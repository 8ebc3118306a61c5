"""One worker that has everything to itself, so that a cell knows who meets its fault."""

from typing import Any

from tests.faults.client import Clients
from tests.faults.rig import WORKERS, Rig

VICTIM, OTHER = WORKERS
# The first picture, which a worker begins before it takes more, waits before the model for the others.
EIGHT_IN_WORK = "in_infer:sleep=1@1,in_infer:{}@2"


def give_all_to_one(
    rig: Rig, clients: Clients, how_many: int, *, failpoints: str, **settings: str
) -> list[str]:
    """Jobs wait while nobody works; then one worker begins, with these failpoints in that life."""
    rig.keep_dead(*WORKERS)
    ids = clients.upload_many(how_many)
    rig.begin(VICTIM, failpoints=failpoints, **settings)
    return ids


def die(rig: Rig, *, by: int) -> None:
    """Wait until the victim ends so, and let its successor begin."""
    code = rig.end_of(VICTIM, timeout_s=60)
    assert code == by, f"it ended with {code}: {rig.log[-2000:]}"
    rig.hands_off.discard(VICTIM)


def jobs(rig: Rig, ids: list[str]) -> list[dict[str, Any]]:
    """Their rows, in the order of the ids."""
    rows = {row["id"]: row for row in rig.select("SELECT * FROM jobs")}
    return [rows[job_id] for job_id in ids]


def values(rig: Rig, ids: list[str], column: str) -> list[Any]:
    return [row[column] for row in jobs(rig, ids)]
