"""`POST /images/{id}/redo`: the same original, other options, a job of its own."""

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.pictures import ASTRONAUT_FACE_XYXY
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh


def redo(house: Gateway, image_id: str, body: object = None, **headers: str) -> tuple[int, dict[str, object]]:
    answer = house.http.post(f"/images/{image_id}/redo", json=body, headers=headers)
    return answer.status_code, answer.json()


def as_made(status: dict[str, Any]) -> dict[str, Any]:
    """The results without what the index may find out about them at any time."""
    return {name: value for name, value in status["results"].items() if name != "near_duplicate_of"}


def pixels_of(house: Gateway, image_id: str) -> np.ndarray:
    content = house.http.get(f"/images/{image_id}/processed", follow_redirects=True).content
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_other_options_give_another_picture_of_the_same_original(
    working_house: Gateway, astronaut_jpeg: bytes
) -> None:
    image_id = working_house.accepted_job(fresh(astronaut_jpeg))
    first = working_house.ended(image_id)
    veiled = pixels_of(working_house, image_id)
    x1, y1, x2, y2 = ASTRONAUT_FACE_XYXY
    assert np.unique(veiled[y1 + 20 : y2 - 20, x1 + 20 : x2 - 20].reshape(-1, 3), axis=0).shape[0] > 1

    status, answer = redo(working_house, image_id, {"blur_style": "solid", "mask_shape": "box"})
    assert status == 202
    job_id = str(answer["job_id"])
    assert job_id != image_id
    second = working_house.ended(job_id)
    assert second["status"] == "completed", second
    assert second["image_id"] == image_id
    assert second["results"]["options"]["blur_style"] == "solid"
    assert second["results"]["blur_metadata"]["style"] == "solid"
    inside = pixels_of(working_house, image_id)[y1 + 20 : y2 - 20, x1 + 20 : x2 - 20].astype(int)
    assert np.ptp(inside.reshape(-1, 3), axis=0).max() <= 8, "one colour, but for the JPEG"

    # What the first job made is still what the first job says.
    assert as_made(working_house.status(image_id)) == as_made(first)


def test_regions_of_the_caller_need_no_detector(working_house: Gateway, astronaut_jpeg: bytes) -> None:
    image_id = working_house.accepted_job(fresh(astronaut_jpeg))
    working_house.ended(image_id)
    options = {
        "keep_regions": [[0, 0, 512, 512]],
        "extra_regions": [[300, 300, 400, 380]],
        "blur_style": "solid",
    }
    _, answer = redo(working_house, image_id, options)
    results = working_house.ended(str(answer["job_id"]))["results"]
    blur = results["blur_metadata"]
    assert blur["regions"] == []
    assert [kept["label"] for kept in blur["kept"]] == ["face"]
    assert blur["extra_regions"] == [[300, 300, 400, 380]]
    before = np.asarray(Image.open(io.BytesIO(astronaut_jpeg)).convert("RGB")).astype(int)
    after = pixels_of(working_house, image_id).astype(int)
    x1, y1, x2, y2 = ASTRONAUT_FACE_XYXY
    assert np.abs(before[y1:y2, x1:x2] - after[y1:y2, x1:x2]).mean() < 4, "kept as it was, but for the JPEG"
    assert np.ptp(after[320:368, 320:384].reshape(-1, 3), axis=0).max() <= 8, "one colour"


def test_verify_looks_again_and_reports(working_house: Gateway, astronaut_jpeg: bytes) -> None:
    job_id = working_house.accepted_job(fresh(astronaut_jpeg), verify="true")
    document = working_house.ended(job_id)
    verify = document["results"]["blur_metadata"]["verify"]
    assert set(verify) == {"found", "missed_before", "veiled_again"}
    assert "verify_veil" in document["results"]["stages"]
    plain = working_house.ended(working_house.accepted_job(fresh(astronaut_jpeg)))
    assert plain["results"]["blur_metadata"]["verify"] is None
    assert "verify_veil" not in plain["results"]["stages"]


def test_nothing_is_needed_but_the_image(gateway: Gateway) -> None:
    image_id = gateway.accepted_job(fresh())
    before = gateway.rows()
    answer = gateway.http.post(f"/images/{image_id}/redo")
    assert answer.status_code == 202
    assert gateway.rows()[:2] == (before[0], before[1] + 1)
    assert gateway.status(answer.json()["job_id"])["filename"] == "a.jpg"


@pytest.mark.parametrize("image_id", ["x", str(uuid4()), "0" * 36])
def test_an_image_that_is_not_there(gateway: Gateway, image_id: str) -> None:
    status, answer = redo(gateway, image_id, {})
    assert (status, answer["code"]) == (404, "image_not_found")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_request"),
        (b"\xff\xfe", 400, "malformed_request"),
        (b"[" * 60_000, 400, "malformed_request"),
        (b"[]", 400, "malformed_request"),
        (b"null", 400, "malformed_request"),
        (b"{" + b" " * 70_000 + b"}", 413, "request_too_large"),
        (b'{"blur_style": "none"}', 422, "invalid_option"),
        (b'{"mask_scale": NaN}', 400, "malformed_request"),
        (b'{"blur_targets": ["license plate"]}', 422, "invalid_option"),
        (b'{"colour": "red"}', 422, "unknown_field"),
        (b'{"file": "x"}', 422, "unknown_field"),
        (b'{"min_box_fraction": 0.9, "max_box_fraction": 0.1}', 422, "invalid_option"),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else value,
)
def test_what_cannot_be_meant_is_refused(gateway: Gateway, body: bytes, status: int, code: str) -> None:
    image_id = gateway.accepted_job(fresh())
    before = gateway.stored()
    answer = gateway.http.post(f"/images/{image_id}/redo", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert gateway.stored() == before


def test_targets_that_are_not_offered_are_named(gateway: Gateway) -> None:
    answer = gateway.upload(fresh(), blur_targets="face,license plate")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")
    assert "'license plate' cannot be veiled here; offered are: face" in answer.json()["detail"]
    assert gateway.upload(fresh(), blur_targets="face").status_code == 202


def test_a_key_makes_one_job(gateway: Gateway) -> None:
    image_id, key = gateway.accepted_job(fresh()), str(uuid4())
    with ThreadPoolExecutor(8) as clients:
        answers = list(
            clients.map(
                lambda _: redo(gateway, image_id, {"verify": True}, **{"Idempotency-Key": key}), range(8)
            )
        )
    assert {status for status, _ in answers} == {202}
    assert len({str(answer["job_id"]) for _, answer in answers}) == 1
    status, answer = redo(gateway, image_id, {"verify": False}, **{"Idempotency-Key": key})
    assert (status, answer["code"]) == (409, "idempotency_conflict")
    other_image = gateway.accepted_job(fresh())
    status, answer = redo(gateway, other_image, {"verify": True}, **{"Idempotency-Key": key})
    assert (status, answer["code"]) == (409, "idempotency_conflict")
