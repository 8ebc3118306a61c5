"""`veilgate jobs list` and `show`."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from veilgate.cli.ages import age
from veilgate.cli.console import complain, show
from veilgate.cli.house import House
from veilgate.cli.table import table_lines
from veilgate.domain.errors import JobNotFound
from veilgate.domain.jobs import JobStatus
from veilgate.services.jobs.job_listing import JobDirectory, JobSearch
from veilgate.services.jobs.job_lists import Standing

_TITLES = ("id", "kind", "status", "lane", "age", "tries", "worker", "error")


def list_jobs(arguments: argparse.Namespace, house: House) -> int:
    search = JobSearch(
        statuses=frozenset(JobStatus(status) for status in arguments.status),
        image_id=arguments.image,
        older_than_ms=arguments.older_than,
        limit=arguments.limit,
    )
    found = JobDirectory(house.database).list(search)
    if arguments.json:
        show(json.dumps(found))
        return 0
    for line in table_lines([_TITLES, *(_row(job) for job in found["jobs"])]):
        show(line)
    show(", ".join(f"{number:,} {status}" for status, number in found["counts"].items()))
    return 0


def show_job(arguments: argparse.Namespace, house: House) -> int:
    try:
        found = JobDirectory(house.database).describe(arguments.id, lists=house.lists, store=house.store)
    except JobNotFound as error:
        complain(f"{arguments.id}: {error.message}")
        return 1
    if arguments.json:
        show(json.dumps(found))
        return 0
    for name, text in _facts(found):
        show(f"{name:<10} {text}")
    show("events")
    for line in _events(found):
        show(line)
    return 0


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    tries = f"{job['attempts']}/{job['deliveries']}"
    return (
        job["id"],
        job["kind"],
        job["status"],
        job["lane"],
        age(job["age_s"]),
        tries,
        job["worker"] or "-",
        job["error_code"] or "-",
    )


def _facts(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    job, now_ms = found["job"], found["now_ms"]
    yield "job", f"{job['id']}  {job['status']} ({job['kind']}, {job['lane']}), owner {job['owner_id']}"
    yield "image", f"{job['image_id']}  {job['width']}×{job['height']} {job['format']}"
    yield "file", f"{job['filename']}  {job['file_size']:,} bytes, sha256 {job['sha256']}"
    yield "original", _original(found["original"], job["file_size"])
    yield "options", ", ".join(_options(job["options"]))
    yield "times", ", ".join(_times(job, now_ms))
    yield "lease", _lease(job, now_ms)
    yield "tries", _tries(job)
    if job["error_code"]:
        yield "error", f"{job['error_code']}: {job['error_message']}"
    if job["result_key"]:
        files = [key.removeprefix(job["result_key"]) for key in found["result_files"]]
        yield "result", f"{job['result_key']}  {', '.join(files) or 'no files'}; {_shown(job)}"
    yield "redis", _redis(found["redis"])
    if job["correlation_id"]:
        yield "request", job["correlation_id"]


def _original(original: dict[str, Any], wanted_size: int) -> str:
    if not original["is_there"]:
        return f"{original['key']}  is missing"
    if original["size"] != wanted_size:
        return f"{original['key']}  has {original['size']:,} bytes, which is wrong"
    return f"{original['key']}  is there"


def _options(options: dict[str, Any]) -> Iterator[str]:
    """What was asked for; what was not is left out."""
    for name, value in options.items():
        if value not in (None, [], False):
            yield f"{name} {value}"


def _times(job: dict[str, Any], now_ms: int) -> Iterator[str]:
    for name in ("created", "dispatched", "started", "finished"):
        if at_ms := job[f"{name}_at_ms"]:
            yield f"{name} {age((now_ms - at_ms) / 1000)} ago"
    if job["status"] == JobStatus.SUBMITTED and job["not_before_ms"] > now_ms:
        yield f"due in {age((job['not_before_ms'] - now_ms) / 1000)}"


def _lease(job: dict[str, Any], now_ms: int) -> str:
    if job["lease_until_ms"] is None:
        return f"none, last held by {job['worker']}" if job["worker"] else "none, never held"
    left_s = (job["lease_until_ms"] - now_ms) / 1000
    when = f"for another {age(left_s)}" if left_s > 0 else f"ran out {age(-left_s)} ago"
    return f"held by {job['worker']}, {when}"


def _tries(job: dict[str, Any]) -> str:
    facts = f"attempts {job['attempts']}, deliveries {job['deliveries']}, fence {job['fence']}"
    return f"{facts}, suspect: runs alone" if job["suspect"] else facts


def _shown(job: dict[str, Any]) -> str:
    return "the image shows it" if job["current_job_id"] == job["id"] else "the image shows another"


def _redis(redis: dict[str, Any]) -> str:
    match redis["standing"]:
        case Standing.WAITING:
            return f"waits on {redis['list_name']}, {redis['position']} before it"
        case Standing.HANDED_OVER | Standing.STARTED:
            return f"{redis['standing']} on {redis['list_name']}"
        case Standing.NOT_LISTED:
            return "on no list"
        case _:
            return f"not known: {redis['reason']}"


def _events(found: dict[str, Any]) -> Iterator[str]:
    created_ms = found["job"]["created_at_ms"]
    for event in found["events"]:
        after = f"+{age((event['created_at_ms'] - created_ms) / 1000)}"
        took = f"{event['took_ms']} ms" if event["took_ms"] is not None else ""
        extra = "  ".join(part for part in (took, event["model"] or "", _why(event["payload"])) if part)
        yield f"{event['seq']:>4}  {after:<8} {event['stage']:<14} {event['outcome']:<10} {extra}".rstrip()


def _why(payload: dict[str, Any]) -> str:
    error = payload.get("error")
    if error:
        return f"{error['code']}: {error['message']}"
    return str(payload.get("reason") or "")
