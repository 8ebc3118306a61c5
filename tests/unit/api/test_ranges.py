"""Which part of a file a request asks for."""

import pytest
from fastapi import Request

from veilgate.api.ranges import asks_for_part, range_in
from veilgate.domain.rejections import RangeNotSatisfiable

WHOLE = None


def asking(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode("utf-8")) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", (0, 0)),
        ("bytes=0-99", (0, 99)),
        ("bytes=10-", (10, 99)),
        ("bytes=10-1000", (10, 99)),
        ("bytes=-1", (99, 99)),
        ("bytes=-1000", (0, 99)),
        ("BYTES= 5-6 ", (5, 6)),
        ("bytes=0-0,5-6", WHOLE),
        ("bytes=6-5", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=٣-٤", WHOLE),
        ("bytes=" + "9" * 5000 + "-", WHOLE),
        ("lines=0-5", WHOLE),
        ("", WHOLE),
    ],
)
def test_the_part_that_is_asked_for(asked: str, part: tuple[int, int] | None) -> None:
    assert range_in(asking(range=asked), 100) == part


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=999999999999999999-", "bytes=-0"])
def test_what_lies_behind_the_end_is_refused(asked: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        range_in(asking(range=asked), 100)


@pytest.mark.parametrize(
    ("headers", "asks"),
    [
        ({}, False),
        ({"range": "bytes=0-0"}, True),
        ({"range": "bytes=0-0", "if_range": '"v1"'}, True),
        ({"range": "bytes=0-0", "if_range": '"v0"'}, False),
        ({"range": "bytes=0-0", "if_range": 'W/"v1"'}, False),
        ({"range": "bytes=0-0", "if_range": "Sat, 21 Nov 2026 16:00:00 GMT"}, False),
    ],
)
def test_a_part_of_another_version_is_not_asked_for(headers: dict[str, str], asks: bool) -> None:
    assert asks_for_part(asking(**headers), '"v1"') is asks
