"""Running totals by name: those of lookups stand beside those of pictures, which callers have always read."""

from veilgate.domain.jobs import JobKind, JobStatus

# What work came to, tries that failed included.
DEVICE_MS = "device_ms"
LOOKUP_CALLS, LOOKUP_CACHED, LOOKUP_COST_MICROS = "lookup_calls", "lookup_cached", "lookup_cost_micros"
# Originals that were stored when they were last counted, and when that was.
ORIGINALS, ORIGINAL_BYTES, ORIGINALS_COUNTED_AT_MS = "originals", "original_bytes", "originals_counted_at_ms"
# Pictures whose copies were ever written, and how large those were together.
COPIED, COPY_BYTES = "copied", "copy_bytes"


def before_bills(total: str) -> str:
    """The name of what this total was when that of bills began, with the days of bills that were kept."""
    return f"{total}_before_bills"


def total_of(kind: JobKind, status: JobStatus) -> str:
    """The name of the total that counts jobs of this kind that ended so."""
    return str(status) if kind is JobKind.VEIL else f"{kind}s_{status}"


def reopened_of(kind: JobKind, status: JobStatus) -> str:
    """The name of the total that counts those of them that were tried again, which takes them off the first:
    both together are the ends that there ever were."""
    return f"{total_of(kind, status)}_reopened"


def retries_of(kind: JobKind) -> str:
    """The name of the total that counts tries that failed and were followed by another."""
    return "retries" if kind is JobKind.VEIL else f"{kind}s_retries"
