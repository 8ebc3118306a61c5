"""What is no picture: a clear answer at once, nothing stored, and the next good picture is served."""

import time

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.hostile_pictures import REFUSED as HOSTILE
from tests.integration.api.hostile_pictures import SOUND, SOUND_OF_OTHER_COLOURS
from tests.integration.api.samples import BAD_PICTURES, GOOD, fresh

pytestmark = pytest.mark.one_house

ANSWER_WITHIN_S = 1.0
MOST_GROWTH_BYTES = 64 << 20
NAMES = sorted(BAD_PICTURES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_refused_and_nothing_is_kept(gateway: Gateway, name: str) -> None:
    content, status, code = BAD_PICTURES[name]
    before = gateway.stored()
    began_s = time.monotonic()
    answer = gateway.upload(content, f"{name}.jpg")
    assert time.monotonic() - began_s < ANSWER_WITHIN_S
    document = answer.json()
    assert (answer.status_code, document["code"]) == (status, code), document
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["type"] == f"urn:veilgate:problem:{code}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert set(document) == {"type", "title", "status", "code", "detail"}
    assert_says_nothing_of_the_inside(answer.text, gateway)
    assert gateway.stored() == before
    assert gateway.upload(fresh()).status_code == 202


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_made_to_harm_is_refused_at_once(gateway: Gateway, name: str) -> None:
    make, status, code = HOSTILE[name]
    content = make()
    before, resident_bytes = gateway.stored(), gateway.resident_bytes()
    began_s = time.monotonic()
    answer = gateway.upload(content, "picture.jpg")
    assert time.monotonic() - began_s < ANSWER_WITHIN_S
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert_says_nothing_of_the_inside(answer.text, gateway)
    assert gateway.resident_bytes() - resident_bytes < MOST_GROWTH_BYTES
    assert gateway.stored() == before
    assert gateway.upload(fresh()).status_code == 202


@pytest.mark.parametrize("name", [*SOUND, *SOUND_OF_OTHER_COLOURS])
def test_what_only_looks_like_harm_is_taken_at_once(gateway: Gateway, name: str) -> None:
    content = {**SOUND, **SOUND_OF_OTHER_COLOURS}[name]()
    resident_bytes = gateway.resident_bytes()
    began_s = time.monotonic()
    answer = gateway.upload(content, "picture.jpg")
    assert time.monotonic() - began_s < ANSWER_WITHIN_S
    assert answer.status_code == 202, answer.text
    assert gateway.resident_bytes() - resident_bytes < MOST_GROWTH_BYTES


def test_in_a_batch_each_file_stands_for_itself(gateway: Gateway) -> None:
    files = [("files", (f"{name}.jpg", BAD_PICTURES[name][0])) for name in NAMES[:-2]]
    files[3:3] = [("files", ("first.jpg", fresh()))]
    files.append(("files", ("last.jpg", fresh())))
    answer = gateway.http.post("/batch-upload", files=files)
    assert answer.status_code == 202
    document = answer.json()
    assert [item["filename"] for item in document["accepted"]] == ["first.jpg", "last.jpg"]
    got = {item["filename"]: item["error"]["code"] for item in document["rejected"]}
    assert got == {f"{name}.jpg": BAD_PICTURES[name][2] for name in NAMES[:-2]}
    assert_says_nothing_of_the_inside(answer.text, gateway)


def test_the_largest_file_is_taken_and_one_byte_more_is_not(gateway: Gateway) -> None:
    largest = fresh(GOOD + bytes(1_000_000 - 8 - len(GOOD)))
    assert gateway.upload(largest).json()["file_size"] == 1_000_000
    before = gateway.stored()
    answer = gateway.upload(largest + b"\0")
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert gateway.stored() == before


def assert_says_nothing_of_the_inside(text: str, gateway: Gateway) -> None:
    for hint in (str(gateway.data_dir), "/", "Traceback", "OSError", "sqlite", "python", "errno"):
        assert hint.lower() not in text.lower(), hint
