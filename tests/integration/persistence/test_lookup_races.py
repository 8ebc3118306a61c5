"""Who asks for a lookup while its picture is being veiled: each has one lookup, whoever commits first."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobStatus
from veilgate.persistence.deadlocks import again_after_deadlock
from veilgate.persistence.records import NewEvent
from veilgate.services.jobs.lookup_jobs import LookupJobs
from veilgate.services.jobs.lookups import Lookups

JOBS = LookupJobs(("google_vision",))
# Without the hold of `Lookups.ask`, MariaDB lost about one lookup in four.
IMAGES = 120


class Race:
    """Of each image in turn a worker ends the veil job, as the recorder does, while others want a lookup."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.image_ids = [new_id() for _ in range(IMAGES)]
        shelf.add(*self.image_ids)
        for image_id in self.image_ids:
            shelf.claim(image_id)

    def run(self, *others: str) -> None:
        start = threading.Barrier(1 + len(others))

        def take_part(name: str) -> None:
            act = again_after_deadlock(getattr(self, name))
            for image_id in self.image_ids:
                start.wait(30)
                act(image_id)

        with ThreadPoolExecutor(1 + len(others)) as threads:
            for end in [threads.submit(take_part, name) for name in ("veil", *others)]:
                end.result()

    def veil(self, image_id: str) -> None:
        with self.shelf.database.write() as transaction:
            event = NewEvent("job", JobStatus.COMPLETED, "{}")
            assert transaction.events.append_fenced(image_id, 1, event)
            transaction.claims.complete(image_id, 1, results="{}", result_key="results/")
            assert transaction.images.point_to(image_id, image_id)
            JOBS.begin_wanted(transaction, [image_id])

    def ask(self, image_id: str) -> None:
        Lookups(self.shelf.database, JOBS).ask(image_id, OWNER, correlation_id=None)

    def join(self, image_id: str) -> None:
        with self.shelf.database.write() as transaction:
            assert transaction.jobs.hold(image_id)
            JOBS.follow(transaction, image_id)

    def lookups(self) -> Counter[str]:
        rows = self.shelf.rows("SELECT image_id FROM jobs WHERE kind = 'lookup'")
        return Counter(row["image_id"] for row in rows)


def test_no_lookup_is_lost_or_made_twice(shelf: Shelf) -> None:
    """The one who asks is alone in half of the images: whoever joins would make up for what he loses."""
    race = Race(shelf)
    asked_alone, asked_by_many = race.image_ids[: IMAGES // 2], race.image_ids[IMAGES // 2 :]
    race.image_ids = asked_alone
    race.run("ask")
    race.image_ids = asked_by_many
    race.run("ask", "join", "ask")
    assert race.lookups() == Counter([*asked_alone, *asked_by_many])
