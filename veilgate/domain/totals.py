"""Running totals by name: those of lookups stand beside those of pictures, which callers have always read."""

from veilgate.domain.jobs import JobKind, JobStatus


def total_of(kind: JobKind, status: JobStatus) -> str:
    """The name of the total that counts jobs of this kind that ended so."""
    return str(status) if kind is JobKind.VEIL else f"{kind}s_{status}"
