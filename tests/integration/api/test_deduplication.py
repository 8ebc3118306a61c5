"""The same picture with the same options, uploaded again by the same owner: one job, one object."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.conftest import Furnish, StartGateway
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh


@pytest.fixture
def sent() -> bytes:
    return fresh()


@pytest.fixture
def two_gateways(
    tmp_path: Path, redis_server: RunningRedis, furnish: Furnish
) -> Iterator[tuple[Gateway, Gateway]]:
    """With one database and one object store."""
    settings = furnish()
    with ExitStack() as stack:
        both = []
        for _ in range(2):
            both.append(Gateway(tmp_path, redis_server.url, **settings))
            stack.callback(both[-1].close)
        yield both[0], both[1]


def accepted(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    document: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/status/{document['job_id']}"
    return document


def with_key(gateway: Gateway, key: str, content: bytes, name: str = "a.jpg", **data: str) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    return gateway.http.post("/upload", files={"file": (name, content)}, data=data, headers=headers)


def shown(house: Gateway, image_id: str) -> bytes:
    answer = house.http.get(f"/images/{image_id}/processed", follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return answer.content


def send_batch(gateway: Gateway, contents: list[bytes], key: str | None = None) -> dict[str, Any]:
    files = [("files", (f"{number}.jpg", content)) for number, content in enumerate(contents)]
    headers = {"Idempotency-Key": key} if key else {}
    answer = gateway.http.post("/batch-upload", files=files, headers=headers)
    assert answer.status_code == 202, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_while_the_first_waits_the_second_joins_it(gateway: Gateway, sent: bytes) -> None:
    first = accepted(gateway.upload(sent, "first.jpg"))
    before = gateway.stored()
    second = accepted(gateway.upload(sent, "second.jpg"))
    assert (first["deduplicated"], first["status"]) == (False, "submitted")
    assert second == {
        "job_id": first["job_id"],
        "filename": "second.jpg",
        "file_size": len(sent),
        "status": "submitted",
        "deduplicated": True,
        "message": f"Uploaded before; see /status/{first['job_id']}.",
    }
    assert gateway.stored() == before
    assert gateway.status(first["job_id"])["filename"] == "first.jpg"


def test_what_is_done_is_answered_at_once(working_house: Gateway, sent: bytes) -> None:
    job_id = working_house.accepted_job(sent)
    results = working_house.ended(job_id)["results"]
    before = working_house.stored()
    again = accepted(working_house.upload(sent))
    assert (again["job_id"], again["status"], again["deduplicated"]) == (job_id, "completed", True)
    for one in (results, again["results"]):
        del one["near_duplicate_of"]  # which the index may find at any time
    assert again["results"] == results
    assert working_house.stored() == before


def test_a_redo_does_not_stand_for_an_upload(working_house: Gateway, astronaut_jpeg: bytes) -> None:
    """What is shown for an upload is what its own options made of it, not what a redo spared since."""
    picture = fresh(astronaut_jpeg)
    options = {"keep_regions": [[0, 0, 512, 512]]}
    image_id = working_house.accepted_job(picture)
    working_house.ended(image_id)
    veiled = shown(working_house, image_id)
    redone = accepted(working_house.http.post(f"/images/{image_id}/redo", json=options))
    assert not redone["deduplicated"]
    working_house.ended(redone["job_id"])
    assert shown(working_house, image_id) != veiled

    again = accepted(working_house.upload(picture))
    assert (again["deduplicated"], again["job_id"] in {image_id, redone["job_id"]}) == (False, False)
    working_house.ended(again["job_id"])
    assert shown(working_house, again["job_id"]) == veiled
    assert accepted(working_house.upload(picture))["job_id"] == again["job_id"]
    other = accepted(working_house.upload(picture, keep_regions="[[0, 0, 512, 512]]"))
    assert (other["deduplicated"], other["job_id"] in {image_id, redone["job_id"]}) == (False, False)


@pytest.mark.parametrize(
    ("options", "is_the_same"),
    [({}, True), ({"priority": "bulk"}, True), ({"mask_scale": "2"}, False), ({"verify": "true"}, False)],
)
def test_all_options_count_but_the_priority(
    gateway: Gateway, sent: bytes, options: dict[str, str], is_the_same: bool
) -> None:
    first = accepted(gateway.upload(sent))
    second = accepted(gateway.upload(sent, **options))
    assert second["deduplicated"] is is_the_same
    assert (second["job_id"] == first["job_id"]) is is_the_same


def test_a_cancelled_job_stands_for_nothing_and_may_still_be_retried(gateway: Gateway, sent: bytes) -> None:
    first = gateway.accepted_job(sent)
    gateway.http.post(f"/jobs/{first}/cancel")
    second = accepted(gateway.upload(sent))
    assert (second["deduplicated"], second["status"]) == (False, "submitted")
    assert second["job_id"] != first
    assert gateway.http.post(f"/jobs/{first}/retry").json()["status"] == "submitted"
    assert accepted(gateway.upload(sent))["job_id"] == second["job_id"]


def test_a_retried_job_stands_again_while_no_other_does(gateway: Gateway, sent: bytes) -> None:
    first = gateway.accepted_job(sent)
    for change in ("cancel", "retry"):
        gateway.http.post(f"/jobs/{first}/{change}")
    assert accepted(gateway.upload(sent))["job_id"] == first


def test_forty_at_once_make_one_job_among_others(gateway: Gateway, sent: bytes) -> None:
    before, held = gateway.rows(), gateway.held_files()
    contents = [sent if number % 3 else fresh() for number in range(60)]
    with ThreadPoolExecutor(20) as clients:
        answers = list(clients.map(gateway.upload, contents))
    documents = [accepted(answer) for answer in answers]
    twins = [each for each, content in zip(documents, contents, strict=True) if content == sent]
    assert len(twins) == 40
    assert len({each["job_id"] for each in twins}) == 1
    assert sorted(each["deduplicated"] for each in documents) == [False] * 21 + [True] * 39
    assert gateway.rows()[:2] == (before[0] + 21, before[1] + 21)
    assert len(gateway.held_files() - held) == 21, "one object for each job, and nothing beside"


def test_two_gateways_make_one_job_of_it(two_gateways: tuple[Gateway, Gateway], sent: bytes) -> None:
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda number: two_gateways[number % 2].upload(sent), range(40)))
    documents = [accepted(answer) for answer in answers]
    assert len({each["job_id"] for each in documents}) == 1
    assert [each["deduplicated"] for each in documents].count(False) == 1
    assert two_gateways[0].rows()[:2] == (1, 1)
    assert len(two_gateways[0].held_files()) == 1


def test_a_key_is_bound_to_the_job_that_was_there(gateway: Gateway, sent: bytes) -> None:
    job_id, key = gateway.accepted_job(sent), str(uuid4())
    first = accepted(with_key(gateway, key, sent, "b.jpg"))
    assert (first["job_id"], first["deduplicated"], first["filename"]) == (job_id, True, "b.jpg")
    before = gateway.stored()
    assert with_key(gateway, key, sent, "b.jpg").json() == first
    conflict = with_key(gateway, key, sent, "c.jpg")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "idempotency_conflict")
    assert gateway.stored() == before
    gateway.http.post(f"/jobs/{job_id}/cancel")
    assert with_key(gateway, key, sent, "b.jpg").json()["job_id"] == job_id


def test_the_first_answer_under_a_key_is_given_again_when_the_job_is_done(
    working_house: Gateway, sent: bytes
) -> None:
    key = str(uuid4())
    first = accepted(with_key(working_house, key, sent))
    working_house.ended(first["job_id"])
    assert not first["deduplicated"]
    assert with_key(working_house, key, sent).json() == first


def test_equal_files_of_a_batch_are_items_of_one_job(gateway: Gateway, sent: bytes) -> None:
    single, key = gateway.accepted_job(fresh()), str(uuid4())
    before = gateway.rows()
    document = send_batch(gateway, [sent, fresh(), sent], key)
    job_ids = [item["job_id"] for item in document["accepted"]]
    assert job_ids[0] == job_ids[2] != job_ids[1]
    assert [item["deduplicated"] for item in document["accepted"]] == [False, False, True]
    assert [item["filename"] for item in document["accepted"]] == ["0.jpg", "1.jpg", "2.jpg"]
    assert gateway.rows()[:2] == (before[0] + 2, before[1] + 2)
    batch = gateway.http.get(f"/batches/{document['batch_id']}").json()
    assert [item["job_id"] for item in batch["items"]] == job_ids
    assert (batch["total"], batch["counts"]["submitted"], single in job_ids) == (3, 3, False)


def test_a_batch_sent_again_is_answered_as_before(gateway: Gateway, sent: bytes) -> None:
    job_id, key = gateway.accepted_job(sent), str(uuid4())
    contents = [sent, fresh()]
    document = send_batch(gateway, contents, key)
    assert [item["deduplicated"] for item in document["accepted"]] == [True, False]
    assert document["accepted"][0]["job_id"] == job_id
    before = gateway.stored()
    assert send_batch(gateway, contents, key) == document
    assert gateway.stored() == before


def test_with_another_model_the_same_picture_is_done_anew(start_gateway: StartGateway, sent: bytes) -> None:
    gateway = start_gateway()
    first = gateway.accepted_job(sent)
    gateway.restart()
    assert accepted(gateway.upload(sent))["job_id"] == first
    gateway.close()
    changed = start_gateway(FACE_DETECTION_SIZE="640")
    second = accepted(changed.upload(sent))
    assert (second["deduplicated"], second["job_id"] == first) == (False, False)
