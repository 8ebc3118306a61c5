"""Files of claims that are over and whose result nobody will ever show."""

from veilgate.persistence.unit_of_work import Database
from veilgate.storage.keys import job_prefix, result_prefix
from veilgate.storage.ports import ObjectStore


def drop_superseded(database: Database, store: ObjectStore, *, job_id: str, fence: int) -> None:
    """Delete what this claim and those before it have stored, except what the row points to.

    For a claim whose end has been committed, or is another's. Whoever has claimed the job since may have
    stored files of its own already: they carry a higher fence, and stay.
    """
    with database.read() as transaction:
        shown = transaction.jobs.result_key(job_id)
    prefixes = {result_prefix(job_id, number) for number in range(1, fence + 1)} - {shown}
    stored = store.list(job_prefix(job_id))
    store.delete([key for key in stored if key.startswith(tuple(prefixes))])
