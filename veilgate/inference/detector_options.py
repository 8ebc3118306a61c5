"""What settings may change about a detector."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """The size it sees (face models only), its default threshold, and how many pictures it looks at side by
    side."""

    longest_side_px: int = 640
    threshold: float | None = None
    streams: int = 1
