"""Options as callers write them, in forms and in JSON."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilgate.api.schemas.requests import OPTIONS
from veilgate.domain.detections import Box
from veilgate.domain.jobs import Lane
from veilgate.domain.option_readers import READERS
from veilgate.domain.options import UploadOptions
from veilgate.domain.redaction import (
    MASK_SCALE_RANGE,
    THRESHOLD_RANGE,
    BlurStyle,
    MaskShape,
    MetadataPolicy,
)
from veilgate.domain.rejections import InputRejected, InvalidOption, UnknownField

coordinates = st.integers(0, 9999).map(lambda tenths: tenths / 10)
boxes = st.builds(
    lambda x, y, width, height: Box(x, y, round(x + width + 0.1, 1), round(y + height + 0.1, 1)),
    *[coordinates] * 4,
)
regions = st.lists(boxes, max_size=3).map(tuple)
options = st.builds(
    UploadOptions,
    blur_style=st.sampled_from(BlurStyle),
    mask_shape=st.sampled_from(MaskShape),
    mask_scale=st.floats(*MASK_SCALE_RANGE),
    blur_targets=st.none() | st.just(("face",)) | st.just(("face", "license plate")),
    face_threshold=st.none() | st.floats(*THRESHOLD_RANGE),
    vehicle_threshold=st.none() | st.floats(*THRESHOLD_RANGE),
    keep_regions=regions,
    extra_regions=regions,
    min_box_fraction=st.floats(0, 0.4),
    max_box_fraction=st.floats(0.5, 1),
    metadata=st.sampled_from(MetadataPolicy),
    verify=st.booleans(),
    priority=st.none() | st.sampled_from(Lane),
)


def test_nothing_given_is_the_default() -> None:
    assert UploadOptions.parse({}) == UploadOptions()


def test_every_option_can_be_read_and_is_shown_in_the_docs() -> None:
    names = list(UploadOptions.__dataclass_fields__)
    assert list(READERS) == names
    assert list(OPTIONS) == names


@given(options)
def test_what_is_stored_is_read_back(given_options: UploadOptions) -> None:
    assert UploadOptions.from_json(given_options.as_json()) == given_options


@given(options)
def test_forms_and_json_say_the_same(given_options: UploadOptions) -> None:
    as_form = {name: as_text(value) for name, value in given_options.as_dict().items() if value is not None}
    assert UploadOptions.parse(as_form) == given_options


def as_text(value: object) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value) and value:
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def test_fields_of_a_form_are_read() -> None:
    fields = {
        "blur_style": "gaussian",
        "mask_scale": "1.5",
        "blur_targets": "face, license plate",
        "keep_regions": "[[0, 1, 20.5, 30]]",
        "verify": "TRUE",
        "priority": "bulk",
    }
    assert UploadOptions.parse(fields) == UploadOptions(
        blur_style=BlurStyle.GAUSSIAN,
        mask_scale=1.5,
        blur_targets=("face", "license plate"),
        keep_regions=(Box(0, 1, 20.5, 30),),
        verify=True,
        priority=Lane.BULK,
    )


@pytest.mark.parametrize("text", ["1", "3", "1e0", "2.999"])
def test_the_ends_of_a_range_belong_to_it(text: str) -> None:
    assert UploadOptions.parse({"mask_scale": text}).mask_scale == float(text)


@pytest.mark.parametrize(
    "given_value",
    ["", "0.999", "3.0001", "nan", "inf", "-inf", "1e999", "two", "0x2", "1" * 5000, True, [1], {}, 10**400],
)
def test_a_number_outside_its_range_is_refused(given_value: object) -> None:
    with pytest.raises(InvalidOption, match="mask_scale must be a number from 1 to 3"):
        UploadOptions.parse({"mask_scale": given_value})


@pytest.mark.parametrize(
    ("field", "given_value"),
    [
        ("blur_style", "MOSAIC"),
        ("blur_style", 1),
        ("blur_style", []),
        ("priority", ""),
        ("priority", "urgent"),
    ],
)
def test_a_word_that_is_none_of_the_choices_is_refused(field: str, given_value: object) -> None:
    with pytest.raises(InvalidOption, match=f"{field} must be one of"):
        UploadOptions.parse({field: given_value})


@pytest.mark.parametrize("given_value", ["yes", "", "2", 1.5, [], {}, "truetrue"])
def test_what_is_neither_true_nor_false_is_refused(given_value: object) -> None:
    with pytest.raises(InvalidOption, match="verify must be true or false"):
        UploadOptions.parse({"verify": given_value})


@pytest.mark.parametrize(
    "given_value",
    [
        "",
        ",",
        "face,",
        "face,,plate",
        " ",
        "a" * 61,
        "fa\x00ce",
        "<b>",
        [],
        [1],
        ["face", None],
        {},
        7,
        "x," * 40,
    ],
)
def test_what_names_no_class_is_refused(given_value: object) -> None:
    with pytest.raises(InvalidOption, match="blur_targets must name"):
        UploadOptions.parse({"blur_targets": given_value})


@pytest.mark.parametrize(
    "given_value",
    [
        "",
        "[",
        "[" * 100_000,
        "{}",
        "[1, 2, 3, 4]",
        "[[1, 2, 3]]",
        "[[1, 2, 3, 4, 5]]",
        '[["1", 2, 3, 4]]',
        "[[true, 0, 3, 4]]",
        "[[NaN, 0, 3, 4]]",
        "[[0, 0, Infinity, 4]]",
        "[[0, 0, 1e7, 4]]",
        "[[-1, 0, 3, 4]]",
        "[[3, 0, 3, 4]]",
        "[[4, 0, 3, 4]]",
        "[[0, 5, 3, 4]]",
        [[0, 0, 10**400, 4]],
        [[0, 0, 1, 1]] * 101,
        "null",
        7,
        {"x": 1},
        [None],
    ],
)
def test_what_is_no_region_is_refused(given_value: object) -> None:
    with pytest.raises(InvalidOption, match="keep_regions must be a JSON list"):
        UploadOptions.parse({"keep_regions": given_value})


def test_size_bounds_must_leave_something() -> None:
    with pytest.raises(InvalidOption, match="min_box_fraction must not be above"):
        UploadOptions.parse({"min_box_fraction": "0.5", "max_box_fraction": "0.4"})


def test_an_unknown_field_is_named_but_not_at_length() -> None:
    with pytest.raises(UnknownField) as raised:
        UploadOptions.parse({"x" * 1000: "1"})
    assert "x" * 60 in raised.value.message
    assert len(raised.value.message) < 400
    assert "mask_scale" in raised.value.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(READERS)) | st.text(), json_values, max_size=4))
def test_whatever_comes_is_read_or_refused(given_values: dict[str, Any]) -> None:
    with suppress(InputRejected):
        read = UploadOptions.parse(given_values)
        assert UploadOptions.from_json(read.as_json()) == read


def test_the_policy_follows_the_options() -> None:
    policy = UploadOptions(mask_scale=2.0, blur_style=BlurStyle.SOLID, mask_shape=MaskShape.BOX).policy
    assert (policy.style, policy.shape, policy.mask_scale) == (BlurStyle.SOLID, MaskShape.BOX, 2.0)
