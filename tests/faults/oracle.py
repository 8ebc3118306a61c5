"""What must hold after every fault: read from database, Redis and objects, not from answers.

O1 every id that got 202 has ended, as the cell expects · O2 one job and one result for each photo, its bytes
those of a run without faults · O3 nobody holds a lease · O4 no id waits, is handed over or counts as started
in RQ · O5 event numbers 1..n, one end · O6 no temporary file, no object without a row, no row without its
objects · O7 memory and descriptors of those who lived through it · O8 attempts as the cell expects · O9 what
got no answer is there as a whole or not at all.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.faults.client import Clients, Told
from tests.faults.rig import Rig
from veilgate.domain.families import FAMILIES

_FILES = ("processed.jpg", "thumbnail-1024.jpg", "thumbnail-320.jpg")
_ENDED = {"completed", "failed", "cancelled"}
# A busy cell leaves its connections in the pools: ten to the database, some to Redis, and one to S3 for each
# thread, of which a worker has 16 and more.
_SPARE_DESCRIPTORS = 32
_SPARE_BYTES = 48_000_000


@dataclass(frozen=True)
class Expected:
    """What a cell does to its own jobs beside completing them. `attempts`: of those that are named; others
    have none, because no picture pays for its neighbours' crashes."""

    failed: Collection[str] = ()
    cancelled: Collection[str] = ()
    attempts: dict[str, int] = field(default_factory=dict)
    any_attempts: bool = False  # chance kills pictures that run alone, too
    lost_objects: bool = False  # the cell damaged the store by hand


@dataclass
class Oracle:
    """Knows the rig's pictures without faults, and how large its processes were."""

    rig: Rig
    clients: Clients
    _references: dict[int, str] = field(default_factory=dict)
    _old_orphans: set[str] = field(default_factory=set)
    _old_leftovers: set[str] = field(default_factory=set)
    _old_ends: dict[str, int] = field(default_factory=dict)
    _sizes: dict[int, tuple[int, int]] = field(default_factory=dict)

    def learn(self) -> None:
        """Run each base picture once while nothing is broken."""
        ids = self.clients.upload_many(8)
        self.rig.until(lambda: self.have_ended(ids), what="the first pictures")
        for job_id, photo in self.clients.told.accepted.items():
            self._references.setdefault(photo.base, self._digest(job_id))
        self._check_sizes()
        self.clients.forget()

    def check(
        self, expected: Expected | None = None, *, timeout_s: float = 45.0, forget: bool = True
    ) -> None:
        """Wait until the cell's jobs have ended, then look at everything."""
        expected, told = expected or Expected(), self.clients.told
        self.rig.until(
            lambda: self.have_ended(told.accepted), what="an end of all jobs (O1)", timeout_s=timeout_s
        )
        self.rig.until(self._nothing_open, what="no job is open, of whoever got no answer either (O9)")
        self.rig.until(self._lists_are_empty, what="empty lists (O4)")
        self._check_ends(told, expected)
        self._check_leases()
        self._check_events()
        if not expected.lost_objects:
            self._check_objects()
        self._check_results(told, expected)
        doubled = self.doubled()
        assert doubled == [], f"O2: photos done more than once: {doubled}"
        assert told.mixed == [], f"O2: told the job of another photo: {told.mixed}"
        self._check_unanswered(told)
        self._check_sizes()
        self.remember_leavings()
        if forget:
            self.clients.forget()

    def doubled(self) -> list[str]:
        """Photos of which there is more than one image, or an image with more than one job."""
        rows = self.rig.select(
            "SELECT i.filename FROM processed_images i JOIN jobs j ON j.image_id = i.id"
            " WHERE i.filename LIKE 'photo-%' AND j.status = 'completed'"
            " GROUP BY i.filename HAVING count(*) > 1"
        )
        return [row["filename"] for row in rows]

    def have_ended(self, ids: Collection[str]) -> bool:
        rows = self._statuses(ids)
        return len(rows) == len(ids) and all(status in _ENDED for status in rows.values())

    def count(self, ids: Collection[str], status: str) -> int:
        return list(self._statuses(ids).values()).count(status)

    def _statuses(self, ids: Collection[str]) -> dict[str, str]:
        """Of these alone: asked every 30 ms, a rig's thousand other jobs would keep a core busy."""
        if not ids:
            return {}
        values = {f"id_{number}": job_id for number, job_id in enumerate(ids)}
        names = ", ".join(f":{name}" for name in values)
        rows = self.rig.select(f"SELECT id, status FROM jobs WHERE id IN ({names})", **values)  # noqa: S608
        return {row["id"]: row["status"] for row in rows}

    def _nothing_open(self) -> bool:
        open_jobs = self.rig.select(
            "SELECT count(*) AS n FROM jobs WHERE status IN ('submitted', 'processing')"
        )
        return bool(open_jobs[0]["n"] == 0)

    def _check_ends(self, told: Told, expected: Expected) -> None:
        rows = {
            row["id"]: row for row in self.rig.select("SELECT id, status, attempts, error_code FROM jobs")
        }
        for job_id in told.accepted:
            row = rows[job_id]
            end = "failed" if job_id in expected.failed else "completed"
            end = "cancelled" if job_id in expected.cancelled else end
            assert row["status"] == end, f"O1: {job_id} is {row}, not {end}"
            if expected.any_attempts:
                continue
            attempts = expected.attempts.get(job_id, 0)
            assert row["attempts"] == attempts, f"O8: {job_id} has {row['attempts']} attempts, not {attempts}"

    def _check_leases(self) -> None:
        held = self.rig.select("SELECT id FROM jobs WHERE lease_until_ms IS NOT NULL")
        assert held == [], f"O3: leases of jobs that have ended: {held}"

    def _lists_are_empty(self) -> bool:
        redis = self.rig.redis_client
        for family in FAMILIES:
            for name in family.queues.values():
                if redis.llen(f"rq:queue:{name}") or redis.llen(f"rq:queue:{name}:intermediate"):
                    return False
                if redis.zcard(f"rq:wip:{name}"):
                    return False
        return True

    def _check_events(self) -> None:
        gaps = self.rig.select(
            "SELECT job_id FROM stage_events GROUP BY job_id HAVING min(seq) <> 1 OR max(seq) <> count(*)"
        )
        assert gaps == [], f"O5: event numbers with gaps: {gaps}"
        doubled = self.rig.select(
            "SELECT job_id FROM stage_events WHERE stage = 'job' AND outcome = 'completed'"
            " GROUP BY job_id HAVING count(*) <> 1"
        )
        assert doubled == [], f"O5: more than one end: {doubled}"
        unlike = self.rig.select(
            "SELECT id FROM jobs WHERE event_seq <> (SELECT max(seq) FROM stage_events WHERE job_id = id)"
        )
        assert unlike == [], f"O5: jobs that count other events than there are: {unlike}"

    def _somebody_was_killed(self) -> bool:
        return any(code < 0 for name in self.rig.members for code in self._new_ends(name))

    def _new_ends(self, name: str) -> list[int]:
        return self.rig.members[name].ends[self._old_ends.get(name, 0) :]

    def _check_objects(self) -> None:
        self.rig.until(
            lambda: self._objects_say() == "", what=f"objects that agree (O6): {self._objects_say()}"
        )
        leftovers = set(self.rig.house.leftovers()) - self._old_leftovers
        # Whoever is killed may have been writing; what is half written lies about until housekeeping comes.
        assert self._somebody_was_killed() or not leftovers, f"O6: left over: {sorted(leftovers)[:3]}"

    def _objects_say(self) -> str:
        """What is wrong with the objects, or nothing."""
        rows = self.rig.select(
            "SELECT j.id, j.status, j.result_key, i.original_key"
            " FROM jobs j JOIN processed_images i ON i.id = j.image_id"
        )
        results = {
            f"{row['result_key']}{name}" for row in rows if row["status"] == "completed" for name in _FILES
        }
        originals = {row["original_key"] for row in rows}
        # A process that is killed while it tries the store leaves its trial for housekeeping.
        there = {key for key in self.rig.house.keys() if not key.startswith("probe/")}  # noqa: SIM118 - no dict
        extra = there - results - originals - self._old_orphans
        if missing := sorted((results | originals) - there):
            return f"missing: {missing[:3]}"
        orphans = {key for key in extra if key.startswith("original/")}
        # Uploads that died between storing and writing down: housekeeping looks for them two days later.
        if len(orphans) > self.clients.told.tries_in_vain:
            return f"originals without a row: {sorted(orphans)[:3]}"
        if others := sorted(extra - orphans):
            return f"nobody's: {others[:3]}"
        return ""

    def remember_leavings(self) -> None:
        """What was left lying by now is not held against the next cell."""
        self._old_leftovers |= set(self.rig.house.leftovers())
        self._old_ends = {name: len(member.ends) for name, member in self.rig.members.items()}
        rows = self.rig.select("SELECT original_key FROM processed_images")
        there = [key for key in self.rig.house.keys() if key.startswith("original/")]  # noqa: SIM118 - no dict
        self._old_orphans |= set(there) - {row["original_key"] for row in rows}

    def _check_results(self, told: Told, expected: Expected) -> None:
        for job_id, photo in told.accepted.items():
            if job_id in expected.failed or job_id in expected.cancelled:
                continue
            assert self._digest(job_id) == self._references[photo.base], (
                f"O2: {job_id} is not as without faults"
            )
        pointers = self.rig.select(
            "SELECT i.id FROM processed_images i JOIN jobs j ON j.image_id = i.id"
            " WHERE j.status = 'completed' AND (i.current_job_id IS NULL OR i.current_job_id <> j.id)"
        )
        assert pointers == [], f"O2: images that point elsewhere: {pointers}"

    def _check_unanswered(self, told: Told) -> None:
        names = {photo.filename for photo in (*told.unanswered, *told.refused)}
        rows = self.rig.select(
            "SELECT i.id, i.filename, j.status FROM processed_images i LEFT JOIN jobs j ON j.image_id = i.id"
        )
        half = [row for row in rows if row["filename"] in names and row["status"] not in _ENDED]
        assert half == [], f"O9: half an upload: {half}"

    def _digest(self, job_id: str) -> str:
        row = self.rig.select("SELECT result_key FROM jobs WHERE id = :id", id=job_id)[0]
        return hashlib.sha256(self.rig.house.read(f"{row['result_key']}processed.jpg")).hexdigest()

    def _check_sizes(self) -> None:
        """Against the first time that a process was weighed: what leaks a little in each cell adds up. One
        that still starts is not weighed."""
        for name, member in self.rig.members.items():
            if self.rig.is_at_work(name):
                resident, descriptors = member.resident_bytes(), member.descriptors()
                was_resident, was_descriptors = self._sizes.setdefault(member.pid, (resident, descriptors))
                words = f"O7: {member.name} has {descriptors} descriptors and {resident} bytes, it had"
                assert descriptors <= was_descriptors * 1.1 + _SPARE_DESCRIPTORS, f"{words} {was_descriptors}"
                assert resident <= was_resident * 1.1 + _SPARE_BYTES, f"{words} {was_resident}"
