"""Where objects live. Results carry the fence, so that a key is never written twice with other bytes."""

from datetime import UTC, datetime

THUMBNAIL_SIDES_PX = (1024, 320)


def key_parts(key: str) -> list[str]:
    """The names between the slashes. Raises `ValueError` for what is no key: `..`, `a//b`, the empty text."""
    parts = key.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise ValueError(f"not an object key: {key!r}")
    return parts


def announced_key(upload_id: str) -> str:
    """Where a caller puts a file itself, before it is verified and becomes an original."""
    return f"announced/{upload_id}"


def original_key(image_id: str, *, accepted_epoch_s: float) -> str:
    """Originals are filed by day, so that orphans can be looked for a day at a time."""
    return f"{original_day_prefix(accepted_epoch_s)}{image_id}"


def original_day_prefix(epoch_s: float) -> str:
    return f"original/{datetime.fromtimestamp(epoch_s, UTC):%Y/%m/%d}/"


def job_prefix(job_id: str) -> str:
    return f"results/{job_id}/"


def result_prefix(job_id: str, fence: int) -> str:
    return f"{job_prefix(job_id)}{fence}/"


def processed_key(prefix: str, suffix: str) -> str:
    return f"{prefix}processed.{suffix}"


def thumbnail_key(prefix: str, side_px: int) -> str:
    return f"{prefix}thumbnail-{side_px}.jpg"
