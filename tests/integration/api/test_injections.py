"""What callers write is data wherever it comes out again: in answers, in headers, and in the log."""

import json
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import BOUNDARY, END, connect, file_part, post, post_head, read_answer
from tests.integration.api.refusals import assert_problem
from tests.integration.api.samples import GOOD, fresh
from tests.waiting import wait_until

pytestmark = [pytest.mark.one_house, pytest.mark.usefixtures("unharmed")]

MARK = "planted"
ANSI = "\x1b[31m\x1b]0;owned\x07"
FORGED = f'{{"event": "{MARK}", "level": "info"}}'
SCRIPT = "<img src=x onerror=alert(1)>.jpg"
# A file name as it is sent -> as it is shown.
NAMES: dict[str, str] = {
    "../../etc/passwd": "passwd",
    "..\\..\\x.jpg": "x.jpg",
    "C:\\x": "x",
    "/": "unnamed",
    "..": "..",
    "": "unnamed",
    "a\0b.jpg": "ab.jpg",
    f"a{ANSI}.jpg": "a[31m]0;owned.jpg",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe": "gpj.exe",
    "\N{PILE OF POO}.jpg": "\N{PILE OF POO}.jpg",
    "con": "con",
    ".htaccess": ".htaccess",
    "a\N{LINE SEPARATOR}b": "ab",
    SCRIPT: SCRIPT,
    "x" * 5000: "x" * 255,
    f"{MARK}%0d%0aSet-Cookie: a=b": f"{MARK}%0d%0aSet-Cookie: a=b",
    "${jndi:ldap:x}": "${jndi:ldap:x}",
    "' OR 1=1; --": "' OR 1=1; --",
}


@pytest.mark.parametrize("sent", NAMES, ids=range(len(NAMES)))
def test_a_name_is_text_and_never_a_path(gateway: Gateway, sent: str) -> None:
    picture = fresh()
    answer = post(gateway, "/upload", file_part(picture, filename=escaped(sent)) + END)
    assert answer.status == 202, answer.body
    document = answer.json()
    assert document["filename"] == NAMES[sent]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    originals = [path for path in gateway.held_files() if path.endswith(document["job_id"])]
    assert len(originals) == 1, "the key is the id"
    original = gateway.http.get(f"/images/{document['job_id']}/original")
    assert original.content == picture
    assert original.headers["content-disposition"] == (
        f'attachment; filename="{document["job_id"]}-original.jpg"'
    )
    assert original.headers["content-security-policy"].startswith("sandbox")


def escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="file"; filename="a.jpg"; filename*=UTF-8\'\'b.html',
        'form-data; name="file"; filename*=UTF-8\'\'b.html; filename="a.jpg"',
    ],
)
def test_of_two_names_the_plain_one_counts(gateway: Gateway, disposition: str) -> None:
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: text/html\r\n\r\n".encode()
    answer = post(gateway, "/upload", head + fresh() + b"\r\n" + END)
    assert (answer.status, answer.json()["filename"]) == (202, "a.jpg")


@pytest.mark.parametrize("text", [SCRIPT, ANSI, FORGED, "\\", '"', "a\x00b"], ids=range(6))
@pytest.mark.parametrize("where", ["field", "option", "value"])
def test_what_a_refusal_repeats_is_json_text(gateway: Gateway, where: str, text: str) -> None:
    name = escaped(text)
    body = {
        "field": file_part(GOOD, name=name),
        "option": f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nx\r\n'.encode(),
        "value": (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="blur_targets"\r\n\r\n{text}\r\n'.encode()
            + file_part(GOOD)
        ),
    }[where]
    answer = post(gateway, "/upload", body + END)
    assert_problem(answer, 422, answer.json()["code"])
    assert not any(byte < 0x20 or byte == 0x7F for byte in answer.body), "controls are escaped"


HEADERS = [
    "X-Request-ID",
    "Idempotency-Key",
    "User-Agent",
    "Last-Event-ID",
    "Authorization",
    "X-Forwarded-For",
]


def test_nothing_that_is_sent_makes_a_line_of_its_own(gateway: Gateway) -> None:
    """Each line of the log stays one JSON document, of an event that is ours."""
    before = len(gateway.log.splitlines())
    for text in (FORGED, ANSI + MARK, f"{MARK}\\n{FORGED}", f"{MARK}\N{LINE SEPARATOR}", f"\xff{MARK}"):
        for header in HEADERS:
            lines = f"{header}: {text}"
            with connect(gateway) as connection:
                connection.sendall(
                    f"GET /status/{MARK} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n".encode()
                )
                assert read_answer(connection).status in {400, 401, 404}
        name = escaped(text)
        for form in (file_part(b"no picture", filename=name), file_part(GOOD, name=name)):
            assert post(gateway, "/upload", form + END).status in {415, 422}
        gateway.http.get("/nowhere", params={"q": text})
        gateway.http.get(f"/status/{quote(text)}")
    last = uuid4().hex
    gateway.http.get("/stats", headers={"X-Request-ID": last})
    wait_until(lambda: last in gateway.log, timeout_s=5, what="the line of the last request")
    for line in gateway.log.splitlines()[before:]:
        document = json.loads(line)
        assert document["event"] != MARK
        assert "\x1b" not in line
        assert MARK not in line, "nor is it written down at all"


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\n"])
def test_a_line_end_in_a_header_ends_the_header(gateway: Gateway, line_end: str) -> None:
    """And so cannot be in one: what follows is another header, or no HTTP."""
    with connect(gateway) as connection:
        forged = f"X-Request-ID: a{line_end}{FORGED}"
        connection.sendall(post_head("/upload", forged, "Content-Length: 0"))
        answer = read_answer(connection)
    assert_problem(answer, 400, "malformed_request")
    assert MARK not in gateway.log


@pytest.mark.parametrize("given", ["a" * 65, "ü", "a b", FORGED, "", ANSI])
def test_an_id_of_a_request_that_is_none_is_replaced(gateway: Gateway, given: str) -> None:
    answer = gateway.http.get("/ready", headers={b"X-Request-ID": given.encode()})
    if answer.status_code == 200:
        assert answer.headers["x-request-id"] != given
        assert answer.headers["x-request-id"].isalnum()
    else:
        assert answer.json()["code"] == "malformed_request"
