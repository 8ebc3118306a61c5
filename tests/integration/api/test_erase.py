"""`DELETE /images/{id}`: gone for everybody, whatever was asked of it before."""

from typing import Any
from uuid import uuid4

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh
from tests.waiting import wait_until

NAME = "somebody-at-the-beach.jpg"


def erase(house: Gateway, image_id: str) -> int:
    return house.http.delete(f"/images/{image_id}").status_code


def answers_about(house: Gateway, image_id: str) -> dict[str, int]:
    paths = (
        f"/status/{image_id}",
        f"/jobs/{image_id}/events",
        *(f"/images/{image_id}/{what}" for what in ("processed", "thumbnail", "original")),
    )
    return {path: house.http.get(path).status_code for path in paths}


def test_a_finished_image(working_house: Gateway, astronaut_jpeg: bytes) -> None:
    house, picture, key = working_house, fresh(astronaut_jpeg), {"Idempotency-Key": str(uuid4())}
    sent: dict[str, Any] = {"files": {"file": (NAME, picture)}, "headers": key}
    image_id = house.http.post("/upload", **sent).json()["job_id"]
    batch = house.http.post("/batch-upload", files={"files": (f"b-{NAME}", picture)}).json()["batch_id"]
    house.ended(image_id)
    redone = house.http.post(f"/images/{image_id}/redo", json={"blur_style": "solid"}).json()["job_id"]
    house.ended(redone)
    assert set(answers_about(house, image_id).values()) <= {200, 204, 307}

    assert erase(house, image_id) == 204
    assert set(answers_about(house, image_id).values()) == {404}
    assert house.http.get(f"/status/{redone}").status_code == 404
    assert house.http.post(f"/images/{image_id}/redo").status_code == 404
    assert house.http.post(f"/jobs/{image_id}/retry").status_code == 404
    assert not [path for path in house.held_files() if image_id in path]
    described = house.http.get(f"/batches/{batch}").json()
    assert described["items"] == [
        {
            "position": 0,
            "filename": "",
            "job_id": None,
            "status": "rejected",
            "error": {"code": "erased", "message": "The image was erased."},
        }
    ]
    assert described["done"]
    assert erase(house, image_id) == 204, "again is no error"

    again = house.http.post("/upload", **sent).json()
    assert again["job_id"] != image_id, "what was erased is done anew when it is sent again"
    assert house.ended(again["job_id"])["status"] == "completed"
    assert erase(house, again["job_id"]) == 204


def test_one_that_is_being_worked_on_never_comes_back(working_house: Gateway, astronaut_jpeg: bytes) -> None:
    """Some are still waiting then, some are in a worker's hands, some may just be done."""
    house = working_house
    ids = [house.accepted_job(fresh(astronaut_jpeg)) for _ in range(6)]
    wait_until(lambda: house.status(ids[0])["status"] != "submitted", timeout_s=30, what="a beginning")
    assert [erase(house, image_id) for image_id in ids] == [204] * 6
    last = house.accepted_job(fresh(astronaut_jpeg))
    assert house.ended(last)["status"] == "completed", "and the worker goes on"
    listed = ", ".join(f"'{image_id}'" for image_id in ids)
    for table, column in (("processed_images", "id"), ("jobs", "id"), ("stage_events", "job_id")):
        assert house.select(f"SELECT 1 FROM {table} WHERE {column} IN ({listed})") == []  # noqa: S608


@pytest.mark.parametrize("image_id", ["x", str(uuid4()), "0" * 36])
def test_an_image_that_is_not_there(gateway: Gateway, image_id: str) -> None:
    answer = gateway.http.delete(f"/images/{image_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "image_not_found")


def test_who_watches_it_sees_the_end_of_the_stream(gateway: Gateway) -> None:
    image_id = gateway.accepted_job(fresh())
    with gateway.http.stream("GET", f"/jobs/{image_id}/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "id: 1"
        assert erase(gateway, image_id) == 204
        assert not [line for line in lines if line.startswith("id:")]
    assert "Traceback" not in gateway.log


def test_the_audit_log_says_who_did_it(gateway: Gateway) -> None:
    image_id = gateway.accepted_job(fresh())
    erase(gateway, image_id)
    rows = gateway.select(f"SELECT * FROM audit_log WHERE subject = '{image_id}'")  # noqa: S608
    assert [(row["action"], row["client"]) for row in rows] == [("image.deleted", "127.0.0.1")]
