"""Bodies of JSON that are none, or that two readers would understand differently; and encoded bodies."""

import gzip
import json
import zlib

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import END, connect, file_part, post_head, read_answer
from tests.integration.api.refusals import assert_problem, at_once, raw
from tests.integration.api.samples import GOOD, fresh

pytestmark = [pytest.mark.one_house, pytest.mark.usefixtures("unharmed")]

REFUSED = (400, "malformed_request")
INVALID = (422, "invalid_option")
DEEP = b'{"extra_regions":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
# name -> (body, (status, code))
DOCUMENTS: dict[str, tuple[bytes, tuple[int, str]]] = {
    "half": (b'{"mask_scale": ', REFUSED),
    "text": (b"hello", REFUSED),
    "a list": (b"[]", REFUSED),
    "null": (b"null", REFUSED),
    "a number": (b"1", REFUSED),
    "two documents": (b"{}{}", REFUSED),
    "a comment": (b"{} // none", REFUSED),
    "a comma too much": (b'{"mask_scale": 1,}', REFUSED),
    "single quotes": (b"{'mask_scale': 1}", REFUSED),
    "NaN": (b'{"mask_scale": NaN}', REFUSED),
    "Infinity": (b'{"mask_scale": Infinity}', REFUSED),
    "-Infinity": (b'{"mask_scale": -Infinity}', REFUSED),
    "1e999": (b'{"mask_scale": 1e999}', REFUSED),
    "-1e999": (b'{"mask_scale": -1e999}', REFUSED),
    "1e-999": (b'{"mask_scale": 1e-999}', INVALID),
    "60,000 digits": (b'{"mask_scale": ' + b"1" * 60_000 + b"}", REFUSED),
    "4,000 digits": (b'{"mask_scale": ' + b"1" * 4_000 + b"}", INVALID),
    "10,000 deep": (DEEP, REFUSED),
    "10,000 deep, open": (DEEP[:10_000], REFUSED),
    "10,000 objects deep": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, REFUSED),
    "a member twice": (b'{"mask_scale": 1, "mask_scale": 2}', REFUSED),
    "a member twice, once escaped": (b'{"mask_scale": 1, "mask\\u005fscale": 2}', REFUSED),
    "an inner member twice": (b'{"mask_scale": {"a": 1, "a": 2}}', REFUSED),
    "10 MB": (b'{"mask_scale": "' + b"1" * 10_000_000 + b'"}', (413, "request_too_large")),
    "10 MB of blanks": (b" " * 10_000_000 + b"{}", (413, "request_too_large")),
    "bytes that are no text": (b'{"mask_scale": "\xff\xfe"}', REFUSED),
    "too long a form of a slash": (b'{"mask_scale": "\xc0\xaf"}', REFUSED),
    "half a pair in UTF-8": (b'{"mask_scale": "\xed\xa0\x80"}', REFUSED),
    "half a pair, escaped": (b'{"mask_scale": "\\ud800"}', REFUSED),
    "half a pair in a name": (b'{"\\udc00": 1}', REFUSED),
    "UTF-16": ('{"mask_scale": 1}'.encode("utf-16"), REFUSED),
    "UTF-32": ('{"mask_scale": 1}'.encode("utf-32"), REFUSED),
    "a mark before it": (b"\xef\xbb\xbf{}", REFUSED),
    "NUL": (b'{"mask_scale": 1}\0', REFUSED),
    "a raw line end in a text": (b'{"mask_scale": "1\n"}', REFUSED),
    "a form": (b"mask_scale=1", REFUSED),
    "an unknown member": (b'{"__proto__": {}}', (422, "unknown_field")),
    "a member of another kind": (b'{"mask_scale": {"a": 1}}', INVALID),
    "a whole pair": (b'{"blur_style": "\\ud83d\\ude00"}', INVALID),
}


@pytest.fixture(scope="module")
def image_id(gateway: Gateway) -> str:
    return gateway.accepted_job(fresh())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_is_none(gateway: Gateway, image_id: str, name: str) -> None:
    body, (status, code) = DOCUMENTS[name]
    before = gateway.stored()
    with at_once():
        answer = gateway.http.post(f"/images/{image_id}/redo", content=body)
    assert_problem(raw(answer), status, code)
    assert gateway.stored() == before


@pytest.mark.parametrize("name", ["NaN", "10,000 deep", "half a pair, escaped", "10 MB", "a member twice"])
def test_an_announcement_is_read_as_strictly(gateway: Gateway, name: str) -> None:
    body, (status, code) = DOCUMENTS[name]
    with at_once():
        assert_problem(raw(gateway.http.post("/uploads", content=body)), status, code)


CODINGS = ["gzip", "deflate", "br", "zstd", "compress", "identity, gzip", "gzip, gzip", "x" * 5000]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", ["/upload", "/batch-upload", "/uploads"])
@pytest.mark.parametrize("coding", CODINGS)
def test_an_encoded_body_is_not_taken(gateway: Gateway, path: str, coding: str) -> None:
    form = file_part(GOOD, name="file" if path == "/upload" else "files") + END
    headers = {"Content-Type": "multipart/form-data; boundary=frontier", "Content-Encoding": coding}
    body = zlib.compress(form) if coding == "deflate" else gzip.compress(form)
    with at_once():
        answer = gateway.http.post(path, content=body, headers=headers)
    assert_problem(raw(answer), 415, "unsupported_media_type")
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.usefixtures("unchanged")
def test_a_bomb_is_not_even_read(gateway: Gateway) -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    head = post_head("/upload", "Content-Encoding: gzip", f"Content-Length: {len(bomb)}")
    with at_once(), connect(gateway) as connection:
        connection.sendall(head + bomb)
        assert_problem(read_answer(connection), 415, "unsupported_media_type")


def test_a_body_as_it_is_may_say_so(gateway: Gateway, image_id: str) -> None:
    headers = {"Content-Encoding": "Identity"}
    body = json.dumps({"mask_scale": 1.5}).encode()
    answer = gateway.http.post(f"/images/{image_id}/redo", content=body, headers=headers)
    assert answer.status_code == 202, answer.text
