"""All that `veilgate jobs verify` checks, in order: what one repair leads to, a later check looks at."""

from dataclasses import dataclass

from veilgate.domain.retry import RetryPolicy
from veilgate.persistence.unit_of_work import Database
from veilgate.services.jobs.job_lists import JobLists
from veilgate.services.jobs.lease_expiry import LeaseExpiry
from veilgate.services.jobs.missing_jobs import MissingJobs
from veilgate.services.verification.verification import Check
from veilgate.services.verification.verify_erased import ErasedLeftovers, KeptOriginals
from veilgate.services.verification.verify_leftovers import OrphanResults
from veilgate.services.verification.verify_lists import DeadEntries, StartedEntries, UnlistedJobs
from veilgate.services.verification.verify_originals import LostOriginals, OrphanOriginals
from veilgate.services.verification.verify_results import LostResults
from veilgate.services.verification.verify_rows import Events, OverdueLeases, Pointers
from veilgate.storage.ports import ObjectStore


@dataclass(frozen=True, slots=True)
class Scope:
    """How closely to look. What a living house puts right by itself within `patience_ms` is not wrong yet;
    `deep` reads every original."""

    patience_ms: int
    deep: bool = False


def house_checks(
    database: Database, store: ObjectStore, lists: JobLists, *, policy: RetryPolicy, scope: Scope
) -> list[Check]:
    missing_jobs = MissingJobs(database, lists)
    expiry = LeaseExpiry(database, store, policy=policy, wake=lists.wake)
    patience_ms = scope.patience_ms
    return [
        ErasedLeftovers(database, store, patience_ms=patience_ms),
        LostOriginals(database, store, deep=scope.deep),
        KeptOriginals(database, store, patience_ms=patience_ms),
        OrphanOriginals(database, store),
        Pointers(database),
        LostResults(database, store, missing_jobs),
        OrphanResults(database, store, patience_ms=patience_ms),
        Events(database, lists.wake),
        OverdueLeases(database, expiry.expire, patience_ms=patience_ms),
        StartedEntries(lists, patience_ms=patience_ms),
        DeadEntries(database, lists, patience_ms=patience_ms),
        UnlistedJobs(database, missing_jobs, patience_ms=patience_ms),
    ]
