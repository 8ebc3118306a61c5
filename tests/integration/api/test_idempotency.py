"""The same key with the same request is answered as before, and makes nothing new."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import GOOD, fresh, picture

OTHER = picture(seed=7)


def send(
    gateway: Gateway, key: str, content: bytes = GOOD, name: str = "a.jpg", **data: str
) -> httpx.Response:
    return gateway.http.post(
        "/upload", files={"file": (name, content)}, data=data, headers={"Idempotency-Key": key}
    )


@pytest.fixture
def key() -> str:
    return str(uuid4())


def test_the_same_request_gets_the_same_answer(gateway: Gateway, key: str) -> None:
    first = send(gateway, key)
    before = gateway.stored()
    again = send(gateway, key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert gateway.stored() == before


def test_a_key_ends_with_its_request_not_with_its_job(gateway: Gateway, key: str) -> None:
    job_id = send(gateway, key).json()["job_id"]
    gateway.http.post(f"/jobs/{job_id}/cancel")
    assert send(gateway, key).json()["job_id"] == job_id


@pytest.mark.parametrize(
    "change", [{"content": OTHER}, {"name": "b.jpg"}, {"mask_scale": "2"}, {"priority": "bulk"}]
)
def test_another_request_with_the_same_key_is_a_conflict(
    gateway: Gateway, key: str, change: dict[str, str]
) -> None:
    send(gateway, key)
    before = gateway.stored()
    answer = send(gateway, key, **change)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert gateway.stored() == before


def test_a_key_of_a_batch_is_a_conflict_for_an_upload_and_the_reverse(gateway: Gateway, key: str) -> None:
    files = [("files", ("a.jpg", GOOD))]
    headers = {"Idempotency-Key": key}
    assert gateway.http.post("/batch-upload", files=files, headers=headers).status_code == 202
    assert send(gateway, key).status_code == 409
    other = {"Idempotency-Key": f"{key}-2"}
    assert send(gateway, f"{key}-2").status_code == 202
    assert gateway.http.post("/batch-upload", files=files, headers=other).status_code == 409


def test_a_refused_request_does_not_use_up_its_key(gateway: Gateway, key: str) -> None:
    assert send(gateway, key, content=b"no picture").status_code == 415
    assert send(gateway, key).status_code == 202


def test_many_at_once_make_one_job(gateway: Gateway, key: str) -> None:
    before, sent = gateway.rows(), fresh()
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda _: send(gateway, key, sent), range(16)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert gateway.rows()[:2] == (before[0] + 1, before[1] + 1)
    held = [path for path in gateway.held_files() if path.startswith("incoming")]
    assert held == []
    assert len([path for path in gateway.held_files() if "original" in path]) == gateway.rows()[0]


@pytest.mark.parametrize("bad", ["", "x" * 256, "a\tb", "schlüssel".encode("latin-1")])
@pytest.mark.parametrize("path", ["/upload", "/batch-upload"])
def test_a_key_that_is_none_is_a_bad_request(gateway: Gateway, bad: str | bytes, path: str) -> None:
    before = gateway.stored()
    headers = {b"Idempotency-Key": bad.encode() if isinstance(bad, str) else bad}
    field = "file" if path == "/upload" else "files"
    answer = gateway.http.post(path, files={field: ("a.jpg", GOOD)}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert gateway.stored() == before


def test_the_longest_key_and_its_case_count(gateway: Gateway, key: str) -> None:
    long = key.ljust(254, "k")
    first, second = send(gateway, f"{long}a", fresh()), send(gateway, f"{long}A", fresh())
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["job_id"] != second.json()["job_id"]
