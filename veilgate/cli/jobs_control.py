"""`veilgate jobs retry`, `cancel` and `requeue-missing`."""

import argparse
from collections.abc import Callable

from veilgate.cli.console import StatusLine, complain, show
from veilgate.cli.house import House
from veilgate.domain.errors import IllegalTransition, NotFound
from veilgate.services.jobs.job_operations import JobOperations

_LISTED_LATER = "Redis is away: the reconciler puts them on their lists when it is back"


def retry(arguments: argparse.Namespace, house: House) -> int:
    operations = JobOperations(house.database, house.lists)
    if arguments.failed:
        line = StatusLine()
        total = operations.retry_failed(
            code=arguments.code, retried=lambda number: line.put(f"{number:,} submitted again")
        )
        line.put("")
        show(f"{_jobs(total)} submitted again")
        code = 0
    else:
        code = _one_by_one(
            arguments.ids, operations.retry, done="submitted again", before="waits or runs already"
        )
    if operations.was_away:
        complain(_LISTED_LATER)
    return code


def cancel(arguments: argparse.Namespace, house: House) -> int:
    operations = JobOperations(house.database, house.lists)
    return _one_by_one(arguments.ids, operations.cancel, done="cancelled", before="was cancelled before")


def requeue_missing(_arguments: argparse.Namespace, house: House) -> int:
    number = JobOperations(house.database, house.lists).requeue_missing()
    show(f"{_jobs(number)} put on a list")
    return 0


def _one_by_one(ids: list[str], action: Callable[[str], bool], *, done: str, before: str) -> int:
    """Each by itself, with a line for each; 1 when one could not be done."""
    code = 0
    for job_id in ids:
        try:
            show(f"{job_id}  {done if action(job_id) else before}")
        except (IllegalTransition, NotFound) as error:
            complain(f"{job_id}: {error.message}")
            code = 1
    return code


def _jobs(number: int) -> str:
    return f"{number:,} {'job' if number == 1 else 'jobs'}"
