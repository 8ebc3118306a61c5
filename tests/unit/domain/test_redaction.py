"""The policy's defaults lie within what callers may ask for."""

from veilgate.domain.redaction import (
    DEFAULT_MASK_SCALE,
    MASK_SCALE_RANGE,
    THRESHOLD_RANGE,
    RedactionPolicy,
)


def test_a_mask_is_never_smaller_than_the_face() -> None:
    assert MASK_SCALE_RANGE[0] >= 1
    assert MASK_SCALE_RANGE[0] <= DEFAULT_MASK_SCALE <= MASK_SCALE_RANGE[1]


def test_a_threshold_stays_a_probability() -> None:
    low, high = THRESHOLD_RANGE
    assert 0 < low < high < 1


def test_a_mosaic_keeps_too_few_tiles_to_recognise_anybody() -> None:
    assert 1 <= RedactionPolicy().mosaic_tiles <= 8
