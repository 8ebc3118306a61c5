"""Options as callers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.domain.errors import InvalidOption, UnknownField
from veilgate.domain.jobs import Lane
from veilgate.domain.options import UploadOptions
from veilgate.domain.redaction import FACE_THRESHOLD_RANGE, MASK_SCALE_RANGE, BlurStyle

options = st.builds(
    UploadOptions,
    blur_style=st.sampled_from(BlurStyle),
    mask_scale=st.floats(*MASK_SCALE_RANGE),
    face_threshold=st.none() | st.floats(*FACE_THRESHOLD_RANGE),
    priority=st.none() | st.sampled_from(Lane),
)


def test_nothing_given_is_the_default() -> None:
    assert UploadOptions.parse({}) == UploadOptions()


@given(options)
def test_what_is_stored_is_read_back(given_options: UploadOptions) -> None:
    assert UploadOptions.from_json(given_options.as_json()) == given_options


def test_fields_are_read() -> None:
    fields = {"blur_style": "mosaic", "mask_scale": "1.5", "face_threshold": "0.3", "priority": "bulk"}
    assert UploadOptions.parse(fields) == UploadOptions(BlurStyle.MOSAIC, 1.5, 0.3, Lane.BULK)


@pytest.mark.parametrize("text", ["1", "3", "1e0", "2.999"])
def test_the_ends_of_a_range_belong_to_it(text: str) -> None:
    assert UploadOptions.parse({"mask_scale": text}).mask_scale == float(text)


@pytest.mark.parametrize(
    "text", ["", "0.999", "3.0001", "nan", "inf", "-inf", "1e999", "two", "0x2", "1" * 5000]
)
def test_a_number_outside_its_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption, match=r"mask_scale must be a number from 1\.0 to 3\.0"):
        UploadOptions.parse({"mask_scale": text})


@pytest.mark.parametrize(
    ("field", "text"), [("blur_style", "MOSAIC"), ("priority", ""), ("priority", "urgent")]
)
def test_a_word_that_is_none_of_the_choices_is_refused(field: str, text: str) -> None:
    with pytest.raises(InvalidOption, match=f"{field} must be one of"):
        UploadOptions.parse({field: text})


def test_an_unknown_field_is_named_but_not_at_length() -> None:
    with pytest.raises(UnknownField) as raised:
        UploadOptions.parse({"x" * 1000: "1"})
    assert "x" * 60 in raised.value.message
    assert len(raised.value.message) < 250
    assert "mask_scale" in raised.value.message


def test_the_policy_follows_the_options() -> None:
    policy = UploadOptions(mask_scale=2.0, face_threshold=0.4).policy
    assert (policy.style, policy.mask_scale, policy.face_threshold) == (BlurStyle.MOSAIC, 2.0, 0.4)
