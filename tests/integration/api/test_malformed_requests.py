"""Requests that are no proper form: refused at once, nothing stored, never a server error."""

from contextlib import suppress

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import (
    BOUNDARY,
    END,
    connect,
    file_part,
    post,
    post_head,
    read_answer,
    text_part,
)
from tests.integration.api.refusals import assert_problem, at_once, raw
from tests.integration.api.samples import GOOD

pytestmark = [pytest.mark.one_house, pytest.mark.usefixtures("unharmed")]

ONE_FILE = file_part(GOOD) + END
NO_NAME = b"--frontier\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n"
NO_DISPOSITION = b"--frontier\r\nContent-Type: image/jpeg\r\n\r\n" + GOOD + b"\r\n"
MANY_HEADERS = b"".join(b"X-%d: y\r\n" % number for number in range(1000))
# name -> (body, status, code)
BODIES: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, "malformed_request"),
    "only the end": (END, 422, "missing_file"),
    "no last boundary": (file_part(GOOD), 400, "malformed_request"),
    "cut within the file": (ONE_FILE[:300], 400, "malformed_request"),
    "cut within a header": (ONE_FILE[:40], 400, "malformed_request"),
    "no boundary inside": (GOOD, 400, "malformed_request"),
    "another boundary": (ONE_FILE.replace(b"frontier", b"limes"), 400, "malformed_request"),
    "part without a name": (NO_NAME + ONE_FILE, 400, "malformed_request"),
    "part without disposition": (NO_DISPOSITION + END, 400, "malformed_request"),
    "wrong field": (file_part(GOOD, name="image") + END, 422, "missing_file"),
    "file as text": (text_part("file", "x") + END, 422, "missing_file"),
    "two files": (file_part(GOOD) + ONE_FILE, 413, "too_many_files"),
    "10,000 fields": (text_part("blur_style", "mosaic") * 10_000 + ONE_FILE, 400, "malformed_request"),
    "10,000 other fields": (
        b"".join(text_part(f"f{number}", "x") for number in range(10_000)) + ONE_FILE,
        400,
        "malformed_request",
    ),
    "2 MB of text": (text_part("blur_style", "x" * 2_000_000) + ONE_FILE, 413, "file_too_large"),
    "500 kB of text": (text_part("blur_style", "x" * 500_000) + ONE_FILE, 400, "malformed_request"),
    "500 kB of name": (text_part("x" * 500_000, "x") + ONE_FILE, 400, "malformed_request"),
    "1,000 headers in a part": (file_part(GOOD, extra=MANY_HEADERS) + END, 400, "malformed_request"),
    "header of 900 kB": (
        file_part(GOOD, extra=b"X: " + b"y" * 900_000 + b"\r\n") + END,
        400,
        "malformed_request",
    ),
    "preamble of 900 kB": (b"x" * 900_000 + b"\r\n" + ONE_FILE, 400, "malformed_request"),
    "preamble of 5 MB": (b"x" * 5_000_000 + b"\r\n" + ONE_FILE, 413, "file_too_large"),
    "epilogue of 900 kB": (ONE_FILE + b"x" * 900_000, 400, "malformed_request"),
    "1,000 files": (file_part(b"") * 1000 + END, 413, "too_many_files"),
    "boundary in the picture": (file_part(GOOD[:99] + b"\r\n" + END + GOOD) + END, 422, "truncated"),
    "part after a boundary in the picture": (
        file_part(GOOD[:99] + f"\r\n--{BOUNDARY}\r\n\r\n".encode() + GOOD) + END,
        400,
        "malformed_request",
    ),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_form_with_one_file(gateway: Gateway, name: str) -> None:
    body, status, code = BODIES[name]
    with at_once():
        answer = post(gateway, "/upload", body)
    assert_problem(answer, status, code)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", ["/upload", "/batch-upload"])
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "image/jpeg",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=frontier",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 1000,
        "multipart/form-data" + ";" * 10_000,
        "multipart/form-data; boundary*0=front; boundary*1=ier",
    ],
)
def test_another_content_type(gateway: Gateway, path: str, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    with at_once():
        answer = gateway.http.post(path, content=ONE_FILE, headers=headers)
    assert_problem(raw(answer), 400, "malformed_request")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", ["/upload", "/batch-upload"])
def test_100_000_fields_in_another_form(gateway: Gateway, path: str) -> None:
    with at_once():
        answer = gateway.http.post(path, data={f"f{number}": "x" for number in range(100_000)})
    assert_problem(raw(answer), 400, "malformed_request")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", ["/upload", "/batch-upload"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_50_megabytes_around_the_form(gateway: Gateway, path: str, where: str) -> None:
    """Sent without a length, so that only what is read can tell."""
    piece = b"%x\r\n%s\r\n" % (1_000_000, bytes(1_000_000))
    form = b"%x\r\n%s\r\n" % (len(END), END)
    with at_once(), connect(gateway) as connection:
        connection.sendall(
            post_head(path, "Transfer-Encoding: chunked") + (form if where == "after" else b"")
        )
        with suppress(OSError):  # the gateway hangs up long before the end
            connection.sendall(piece * 50)
        answer = read_answer(connection)
    assert_problem(answer, 400, "malformed_request")


@pytest.mark.usefixtures("unchanged")
def test_a_batch_without_files(gateway: Gateway) -> None:
    answer = post(gateway, "/batch-upload", text_part("priority", "bulk") + END)
    assert_problem(answer, 422, "missing_file")


@pytest.mark.usefixtures("unchanged")
def test_an_epilogue_of_a_batch_ends_early(gateway: Gateway) -> None:
    answer = post(gateway, "/batch-upload", END + b"x" * 5_000_000)
    assert_problem(answer, 400, "malformed_request")


@pytest.mark.usefixtures("unchanged")
def test_a_body_longer_than_it_says_is_cut(gateway: Gateway) -> None:
    with connect(gateway) as connection:
        connection.sendall(post_head("/upload", "Content-Length: 300") + ONE_FILE)
        assert read_answer(connection).status == 400


@pytest.mark.usefixtures("unchanged")
def test_a_body_shorter_than_it_says_leaves_nothing(gateway: Gateway) -> None:
    with connect(gateway) as connection:
        connection.sendall(post_head("/upload", f"Content-Length: {len(ONE_FILE) + 1}") + ONE_FILE)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: -1",),
        ("Content-Length: 10", "Content-Length: 20"),
        ("Content-Length: 10", "Transfer-Encoding: chunked"),
        ("Content-Length: ten",),
        ("Transfer-Encoding: gzip, chunked, x",),
    ],
)
def test_a_length_that_is_none_is_a_bad_request(gateway: Gateway, lines: tuple[str, ...]) -> None:
    with connect(gateway) as connection:
        connection.sendall(post_head("/upload", *lines) + ONE_FILE)
        answer = read_answer(connection)
    assert_problem(answer, 400, "malformed_request")
    assert answer.headers["connection"] == "close"
