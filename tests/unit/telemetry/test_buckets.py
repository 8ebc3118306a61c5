"""Bounds of histograms: how far a percentile may be from the truth."""

from itertools import pairwise

import pytest
from prometheus_client import Histogram

from veilgate.telemetry.metrics import JOB_SECONDS, STAGE_SECONDS


@pytest.mark.parametrize(
    ("histogram", "times"), [(JOB_SECONDS, 1.5), (STAGE_SECONDS, 2)], ids=["whole", "step"]
)
def test_a_late_picture_is_shown_about_as_late_as_it_is(histogram: Histogram, times: float) -> None:
    """A percentile lies between two bounds: from the promised minute to ten they are near each other."""
    bounds = [bound for bound in histogram._upper_bounds if 60 <= bound <= 600]
    assert (bounds[0], bounds[-1]) == (60, 600)
    assert max(upper / lower for lower, upper in pairwise(bounds)) <= times
