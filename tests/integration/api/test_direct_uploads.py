"""Direct uploads: announced to the gateway, put into S3 by the caller, verified and taken once."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.fixtures.object_server import FaultProxy, Picks, S3Server, s3_settings
from tests.integration.api.conftest import SMALL_LIMITS, StartGateway
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import BAD_PICTURES, fresh, picture
from tests.waiting import wait_until

UNKNOWN = "0190a0a0-0000-7000-8000-000000000000"


class S3Gateway:
    """A gateway with a bucket of its own, and a caller without any library of S3."""

    def __init__(self, gateway: Gateway, server: S3Server, bucket: str) -> None:
        self.gateway, self.server, self.bucket = gateway, server, bucket

    def announce(self, content: bytes, **more: Any) -> httpx.Response:
        body = {"filename": "a.jpg", "file_size": len(content), "sha256": sha256_of(content), **more}
        return post_json(self.gateway, body)

    def announced(self, content: bytes, **more: Any) -> dict[str, Any]:
        answer = self.announce(content, **more)
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def put(self, announced: dict[str, Any], content: bytes) -> None:
        answer = httpx.put(announced["url"], content=content, headers=announced["headers"], trust_env=False)
        assert answer.status_code == 200, answer.text

    def complete(self, announced: dict[str, Any]) -> httpx.Response:
        return self.gateway.http.post(announced["complete"])

    def stored_keys(self) -> list[str]:
        found = self.server.client.list_objects_v2(Bucket=self.bucket)
        return [entry["Key"] for entry in found.get("Contents", [])]


def post_json(gateway: Gateway, body: dict[str, Any]) -> httpx.Response:
    """Written by hand, because httpx refuses to send lone surrogates."""
    headers = {"Content-Type": "application/json"}
    return gateway.http.post("/uploads", content=json.dumps(body).encode("ascii"), headers=headers)


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def opened(start_gateway: StartGateway, server: S3Server, **settings: str) -> S3Gateway:
    bucket = server.new_bucket()
    return S3Gateway(start_gateway(**{**server.settings(bucket), **settings}), server, bucket)


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server, _redis_of_gateways: Any
) -> Iterator[S3Gateway]:
    bucket = s3_server.new_bucket()
    settings = {**SMALL_LIMITS, **s3_server.settings(bucket)}
    gateway = Gateway(
        tmp_path_factory.mktemp("s3"), f"{_redis_of_gateways.url}?db=5", bucket_keys=tuple, **settings
    )
    yield S3Gateway(gateway, s3_server, bucket)
    gateway.close()


@pytest.fixture
def house(shared: S3Gateway) -> S3Gateway:
    """Nothing of an earlier test is in its bucket."""
    for key in shared.stored_keys():
        shared.server.client.delete_object(Bucket=shared.bucket, Key=key)
    return shared


def test_a_picture_goes_in_without_passing_the_gateway(house: S3Gateway) -> None:
    sent = fresh()
    options = {"blur_style": "mosaic", "mask_scale": 1.5, "priority": "bulk"}
    announced = house.announced(sent, filename="../holiday.jpg", options=options)
    assert set(announced) == {"upload_id", "method", "url", "headers", "expires_at", "complete"}
    assert announced["method"] == "PUT"
    house.put(announced, sent)
    answer = house.complete(announced)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    assert answer.json() == {
        "job_id": job_id,
        "filename": "holiday.jpg",
        "file_size": len(sent),
        "status": "submitted",
        "deduplicated": False,
        "message": f"Stored; see /status/{job_id}.",
    }
    assert answer.headers["location"] == f"/status/{job_id}"
    document = house.gateway.status(job_id)
    assert {name: document["options"][name] for name in options} == options
    assert [key.partition("/")[0] for key in house.stored_keys()] == ["original"]
    assert house.gateway.http.get(f"/images/{job_id}/original").content == sent
    assert house.gateway.held_files() == set()


def test_completing_again_gives_the_same_answer(house: S3Gateway) -> None:
    sent = fresh()
    announced = house.announced(sent)
    house.put(announced, sent)
    first = house.complete(announced)
    rows = house.gateway.rows()
    assert [house.complete(announced).json() for _ in range(3)] == [first.json()] * 3
    assert house.gateway.rows() == rows


def test_a_picture_that_is_known_is_not_stored_again(house: S3Gateway) -> None:
    sent = fresh()
    job_id = house.gateway.accepted_job(sent)
    before, keys = house.gateway.rows(), house.stored_keys()
    announced = house.announced(sent, filename="b.jpg")
    house.put(announced, sent)
    answer = house.complete(announced)
    assert (answer.status_code, answer.json()["job_id"]) == (202, job_id)
    assert (answer.json()["deduplicated"], answer.json()["filename"]) == (True, "b.jpg")
    assert (house.gateway.rows(), house.stored_keys()) == (before, keys)
    assert house.complete(announced).json() == answer.json()


def test_of_many_completions_at_once_one_makes_the_job(house: S3Gateway) -> None:
    sent = fresh()
    announced = house.announced(sent)
    house.put(announced, sent)
    before = house.gateway.rows()
    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(lambda _: house.complete(announced), range(12)))
    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert house.gateway.rows()[:2] == (before[0] + 1, before[1] + 1)
    assert len(house.stored_keys()) == 1, "and what the others stored is gone"


def test_the_original_is_not_what_may_still_be_put(house: S3Gateway) -> None:
    sent = fresh()
    announced = house.announced(sent)
    house.put(announced, sent)
    job_id = house.complete(announced).json()["job_id"]
    other = picture(seed=7)[: len(sent)].ljust(len(sent), b"\0")
    house.put(announced, other)
    assert house.gateway.http.get(f"/images/{job_id}/original").content == sent
    assert house.complete(announced).json()["job_id"] == job_id


def test_nothing_put_is_incomplete(house: S3Gateway) -> None:
    sent = fresh()
    announced = house.announced(sent)
    assert code_of(house.complete(announced)) == (409, "upload_incomplete")
    house.put(announced, sent)
    assert house.complete(announced).status_code == 202


@pytest.mark.parametrize(
    "spoil",
    [lambda sent: sent[:-1], lambda sent: sent + b"x", lambda sent: b"x" + sent[1:], lambda _sent: b""],
    ids=["short", "long", "other", "empty"],
)
def test_what_was_not_announced_is_refused_and_may_be_put_again(
    house: S3Gateway, spoil: Callable[[bytes], bytes]
) -> None:
    sent = fresh()
    announced = house.announced(sent)
    # This server takes anything at a signed address; AWS would refuse it there and then.
    house.put({**announced, "headers": {}}, spoil(sent))
    assert code_of(house.complete(announced)) == (422, "upload_mismatch")
    assert house.stored_keys() == []
    assert code_of(house.complete(announced)) == (409, "upload_incomplete")
    house.put(announced, sent)
    assert house.complete(announced).status_code == 202


@pytest.mark.parametrize("name", sorted(BAD_PICTURES.keys() - {"empty"}))
def test_what_is_no_picture_is_refused_as_any_upload(house: S3Gateway, name: str) -> None:
    content, status, code = BAD_PICTURES[name]
    rows = house.gateway.rows()
    announced = house.announced(content)
    house.put(announced, content)
    assert code_of(house.complete(announced)) == (status, code)
    assert house.stored_keys() == []
    assert house.gateway.rows() == rows
    assert house.gateway.held_files() == set()


@pytest.mark.parametrize("upload_id", [UNKNOWN, "x", "..%2f..", "%00", "a" * 300])
def test_an_unknown_upload_is_not_found(house: S3Gateway, upload_id: str) -> None:
    assert code_of(house.gateway.http.post(f"/uploads/{upload_id}/complete"))[0] == 404


def test_an_upload_of_somebody_else_is_not_found(house: S3Gateway) -> None:
    sent = fresh()
    announced = house.announced(sent)
    house.put(announced, sent)
    with sqlite3.connect(house.gateway.data_dir / "veilgate.db") as connection:
        connection.execute("UPDATE direct_uploads SET owner_id = 'b' WHERE id = ?", [announced["upload_id"]])
    connection.close()
    assert code_of(house.complete(announced)) == (404, "upload_not_found")


SOUND = {"filename": "a.jpg", "file_size": 10, "sha256": "a" * 64}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid_option"),
        (b"{", 400, "malformed_request"),
        (b"\xff\xfe", 400, "malformed_request"),
        (b"[]", 400, "malformed_request"),
        (b"null", 400, "malformed_request"),
        (b"[" * 50_000, 400, "malformed_request"),
        (b'{"file_size":' + b"9" * 6000 + b"}", 400, "malformed_request"),
        (b" " * 70_000 + b"{}", 413, "request_too_large"),
    ],
)
def test_a_body_that_is_no_announcement(house: S3Gateway, body: bytes, status: int, code: str) -> None:
    answer = house.gateway.http.post("/uploads", content=body, headers={"Content-Type": "application/json"})
    assert code_of(answer) == (status, code)


@pytest.mark.parametrize(
    ("members", "status", "code"),
    [
        ({"file_size": 0}, 422, "empty_file"),
        ({"file_size": 1_000_001}, 413, "file_too_large"),
        ({"file_size": 10**4000}, 413, "file_too_large"),
        ({"file_size": -1}, 422, "invalid_option"),
        ({"file_size": 10.0}, 422, "invalid_option"),
        ({"file_size": "10"}, 422, "invalid_option"),
        ({"file_size": True}, 422, "invalid_option"),
        ({"file_size": None}, 422, "invalid_option"),
        ({"sha256": "a" * 63}, 422, "invalid_option"),
        ({"sha256": "g" * 64}, 422, "invalid_option"),
        ({"sha256": "a" * 64 + "\n"}, 422, "invalid_option"),
        ({"sha256": ["a" * 64]}, 422, "invalid_option"),
        ({"filename": 1}, 422, "invalid_option"),
        ({"filename": None}, 422, "invalid_option"),
        ({"options": []}, 422, "invalid_option"),
        ({"options": "x"}, 422, "invalid_option"),
        ({"options": {"blur_style": {}}}, 422, "invalid_option"),
        ({"options": {"mask_scale": [1]}}, 422, "invalid_option"),
        ({"options": {"nonsense": 1}}, 422, "unknown_field"),
        ({"nonsense": 1}, 422, "unknown_field"),
        ({"\ud800": 1}, 400, "malformed_request"),
    ],
)
def test_members_out_of_range(house: S3Gateway, members: dict[str, Any], status: int, code: str) -> None:
    answer = post_json(house.gateway, {**SOUND, **members})
    assert code_of(answer) == (status, code)


def test_file_names_are_cleaned_as_in_any_upload(house: S3Gateway) -> None:
    sent = fresh()
    for given, shown in [("a/b\\c\u202e.jpg\n", "c.jpg"), ("\n", "unnamed"), ("x" * 9000, "x" * 255)]:
        announced = house.announced(sent, filename=given)
        house.put(announced, sent)
        assert house.complete(announced).json()["filename"] == shown


def test_with_a_folder_of_objects_upload_is_the_way(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    answer = gateway.http.post("/uploads", json=SOUND)
    assert code_of(answer) == (409, "direct_uploads_unavailable")
    assert "S3_BUCKET" in answer.json()["detail"]
    assert "/upload" in answer.json()["detail"]
    assert code_of(gateway.http.post(f"/uploads/{UNKNOWN}/complete")) == (409, "direct_uploads_unavailable")


def _is_storing_the_original(method: str, path: str) -> bool:
    return method == "PUT" and "/original/" in path


def _is_removing_what_was_put(method: str, path: str) -> bool:
    return method == "POST" and path.endswith("?delete")


@pytest.mark.parametrize("step", [_is_storing_the_original, _is_removing_what_was_put])
def test_after_a_kill_in_between_one_job_comes_of_it(
    start_gateway: StartGateway, s3_server: S3Server, fault_proxy: FaultProxy, step: Picks
) -> None:
    sent = fresh()
    bucket = s3_server.new_bucket()
    gateway = start_gateway(**s3_settings(fault_proxy.endpoint_url, bucket))
    house = S3Gateway(gateway, s3_server, bucket)
    announced = house.announced(sent)
    house.put(announced, sent)
    fault_proxy.requests.clear()
    fault_proxy.hanging = step
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(house.complete, announced)
        wait_until(
            lambda: any(step(*request) for request in fault_proxy.requests),
            timeout_s=20,
            what="the step at which to kill",
        )
        gateway.kill()
        with pytest.raises(httpx.TransportError):
            call.result(20)
    fault_proxy.hanging = lambda _method, _path: False
    gateway.start()
    first, again = house.complete(announced), house.complete(announced)
    assert (first.status_code, first.json()) == (202, again.json())
    assert gateway.rows()[:2] == (1, 1)


def test_while_s3_is_away_nothing_is_accepted_and_then_it_is(
    start_gateway: StartGateway, s3_server: S3Server, fault_proxy: FaultProxy
) -> None:
    sent = fresh()
    bucket = s3_server.new_bucket()
    gateway = start_gateway(**s3_settings(fault_proxy.endpoint_url, bucket))
    house = S3Gateway(gateway, s3_server, bucket)
    announced = house.announced(sent)
    house.put(announced, sent)
    fault_proxy.fail_next(1000, 503, "SlowDown")
    answers = [gateway.upload(fresh()), gateway.http.get("/ready"), house.complete(announced)]
    for answer in answers:
        assert code_of(answer) == (503, "object_store_unavailable")
        assert "test-" not in answer.text, "no keys"
    assert gateway.rows()[:2] == (0, 0)
    fault_proxy.recover()
    assert gateway.http.get("/ready").status_code == 200
    assert house.complete(announced).status_code == 202
    assert gateway.upload(fresh()).status_code == 202
