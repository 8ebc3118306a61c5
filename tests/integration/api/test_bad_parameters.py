"""Parameters, ranges and ids that are none: refused by name, whoever asks and however long they are."""

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import END, connect, file_part, post, read_answer, text_part
from tests.integration.api.refusals import assert_problem, at_once, raw
from tests.integration.api.samples import GOOD, fresh

pytestmark = [pytest.mark.one_house, pytest.mark.usefixtures("unharmed")]

NUMBERS = ["mask_scale", "face_threshold", "vehicle_threshold", "min_box_fraction", "max_box_fraction"]
NO_NUMBERS = ["", "-1", "1e9", "1e999", "-1e999", "NaN", "inf", "0x1", "1,5", "x", "9" * 5000, "1\0", "٣٤٥"]
NO_BOXES = [
    "",
    "x",
    "[[1,2,3]]",
    "[[1,2,3,NaN]]",
    "[[0,0,1e999,1]]",
    "[[0,0,1e9,1e9]]",
    "[[-1,0,5,5]]",
    "[[5,5,1,1]]",
    '[["0","0","1","1"]]',
    "[" * 8000,
    "[[0,0,5,5]" + ",[0,0,5,5]" * 1500 + "]",
]
OPTIONS: list[tuple[str, str, str]] = [
    *((name, value, "invalid_option") for name in NUMBERS for value in NO_NUMBERS),
    *((name, value, "invalid_option") for name in ("keep_regions", "extra_regions") for value in NO_BOXES),
    ("blur_style", "none", "invalid_option"),
    ("blur_style", "MOSAIC", "invalid_option"),
    ("mask_shape", "star", "invalid_option"),
    ("metadata", "all", "invalid_option"),
    ("priority", "1000000000", "invalid_option"),
    ("verify", "2", "invalid_option"),
    ("blur_targets", "", "invalid_option"),
    ("blur_targets", "face," * 40, "invalid_option"),
    ("blur_targets", "../model", "invalid_option"),
    ("blur_targets", "no such class", "invalid_option"),
    ("blur_radius", "1e9", "unknown_field"),
    ("", "x", "unknown_field"),
    ("\N{RIGHT-TO-LEFT OVERRIDE}", "x", "unknown_field"),
    ("<img src=x onerror=alert(1)>", "x", "unknown_field"),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", ["/upload", "/batch-upload"])
def test_an_option_that_is_none_refuses_the_upload(gateway: Gateway, path: str) -> None:
    field = "file" if path == "/upload" else "files"
    for name, value, code in OPTIONS:
        body = text_part(name, value) + file_part(GOOD, name=field) + END
        with at_once():
            answer = post(gateway, path, body)
        assert_problem(answer, 422, code)


MANY_RANGES = [
    "0-0," * 9_999 + "0-0",
    "0-," * 10_000,
    ",".join(f"{at}-{at + 1}" for at in range(0, 10_000, 2)),
    "-1," * 10_000,
    ",".join(f"{at}-" for at in range(10_000)),
    "," * 60_000,
    "1" * 60_000 + "-",
    "-" * 60_000,
]


@pytest.mark.parametrize("ranges", MANY_RANGES, ids=range(len(MANY_RANGES)))
@pytest.mark.parametrize("what", ["picture", "/docs/", "/docs/assets/swagger-ui-bundle.js"])
def test_many_ranges_are_no_more_work_than_one(gateway: Gateway, what: str, ranges: str) -> None:
    sent = fresh()
    address = f"/images/{gateway.accepted_job(sent)}/original" if what == "picture" else what
    with at_once():
        answer = gateway.http.get(address, headers={"Range": f"bytes={ranges}"})
    if what == "picture":
        assert (answer.status_code, answer.content) == (200, sent)
    else:
        assert answer.status_code in {200, 206, 400, 416}
        assert len(answer.content) < 4_000_000


@pytest.mark.parametrize("length", [10_000, 60_000, 1_000_000])
@pytest.mark.parametrize(
    "route", ["/status/{}", "/jobs/{}/events", "/images/{}/original", "/images/{}/similar", "/batches/{}"]
)
def test_a_long_id_costs_nothing(gateway: Gateway, route: str, length: int) -> None:
    with at_once(), connect(gateway) as connection:
        path = route.format("1" * length)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = read_answer(connection)
    status, code = (431, "head_too_large") if length > 64 * 1024 else (404, None)
    assert_problem(answer, status, code or answer.json()["code"])


@pytest.mark.parametrize("key", ["", "k" * 256, "k" * 300, "k" * 60_000, "a\tb", "\N{SNOWMAN}"])
@pytest.mark.usefixtures("unchanged")
def test_a_key_that_is_none(gateway: Gateway, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode()}
    with at_once():
        answer = gateway.http.post("/upload", files={"file": ("a.jpg", GOOD)}, headers=headers)
    assert_problem(raw(answer), 400, "invalid_idempotency_key")


def test_a_query_of_30_000_members(gateway: Gateway) -> None:
    """As many as fit the bound of a head."""
    job_id = gateway.accepted_job(fresh())
    with at_once():
        answer = gateway.http.get(f"/status/{job_id}?" + "a&" * 30_000 + "wait=x")
    assert_problem(raw(answer), 422, "invalid_parameter")
