"""Taking one picture in: the answer, what is stored, and what the caller may ask for."""

import re
from collections.abc import Callable

import httpx
import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import END, file_part, post, text_part
from tests.integration.api.samples import GOOD, fresh, picture
from veilgate.domain.options import UploadOptions

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_the_answer_names_the_job_and_where_it_stands(gateway: Gateway) -> None:
    sent = fresh()
    answer = gateway.upload(sent, "street.jpg")
    assert answer.status_code == 202
    document = answer.json()
    job_id = document.pop("job_id")
    assert UUID.fullmatch(job_id)
    assert answer.headers["location"] == f"/status/{job_id}"
    assert isinstance(document.pop("message"), str)
    assert document == {
        "filename": "street.jpg",
        "file_size": len(sent),
        "status": "submitted",
        "deduplicated": False,
    }


def test_the_status_of_a_waiting_job_has_every_field(gateway: Gateway) -> None:
    sent = fresh()
    job_id = gateway.accepted_job(sent)
    status = gateway.status(job_id)
    assert status["created_at"] <= status["updated_at"]
    assert all(isinstance(status.pop(name), int) for name in ("created_at", "updated_at"))
    assert status == {
        "job_id": job_id,
        "image_id": job_id,
        "kind": "veil",
        "status": "submitted",
        "filename": "a.jpg",
        "file_size": len(sent),
        "attempts": 0,
        "options": UploadOptions().as_dict(),
        "lookup_job_id": None,
        "results": None,
        "error": None,
    }


def test_the_stored_original_is_what_was_sent(gateway: Gateway) -> None:
    sent = picture(seed=1, comment=b"kept") + b"trailing bytes"
    job_id = gateway.accepted_job(sent)
    original = gateway.http.get(f"/images/{job_id}/original")
    assert original.content == sent
    assert [path for path in gateway.held_files() if path.endswith(job_id)]


def test_options_are_taken_before_and_after_the_file(gateway: Gateway) -> None:
    options = text_part("mask_scale", "1.5") + text_part("priority", "bulk")
    for body in (options + file_part(fresh()) + END, file_part(fresh()) + options + END):
        answer = post(gateway, "/upload", body)
        assert answer.status == 202, answer.body
        taken = gateway.status(answer.json()["job_id"])["options"]
        assert taken["mask_scale"] == 1.5
        assert taken["priority"] == "bulk"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"colour": "red"}, "unknown_field"),
        ({"blur_style": "pixels"}, "invalid_option"),
        ({"mask_scale": "0.5"}, "invalid_option"),
        ({"mask_scale": "nan"}, "invalid_option"),
        ({"mask_scale": "1e999"}, "invalid_option"),
        ({"mask_scale": ""}, "invalid_option"),
        ({"face_threshold": "-1"}, "invalid_option"),
        ({"priority": "urgent"}, "invalid_option"),
        ({"priority": ["bulk", "bulk"]}, "invalid_option"),
    ],
)
def test_an_option_that_is_not_one_is_refused(
    gateway: Gateway, options: dict[str, str | list[str]], code: str
) -> None:
    before = gateway.stored()
    answer = gateway.http.post("/upload", files={"file": ("a.jpg", GOOD)}, data=options)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert next(iter(options)) in answer.json()["detail"]
    assert gateway.stored() == before


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\fotos\\\\a.jpg", "a.jpg"),
        ("a\0b.jpg", "ab.jpg"),
        ("\u202egpj.exe", "gpj.exe"),
        ("ferien \U0001f3d6\ufe0f.jpg", "ferien \U0001f3d6\ufe0f.jpg"),
        ("x" * 5000 + ".jpg", "x" * 255),
        ("<img src=x onerror=alert(1)>.jpg", "<img src=x onerror=alert(1)>.jpg"),
        ("", "unnamed"),
        ("..", ".."),
        ("a\u2028b\u2029c.jpg", "abc.jpg"),
    ],
)
def test_a_file_name_is_shown_and_never_used(gateway: Gateway, sent: str, shown: str) -> None:
    answer = post(gateway, "/upload", file_part(fresh(), filename=sent) + END)
    assert answer.status == 202, answer.body
    document = answer.json()
    assert document["filename"] == shown
    assert gateway.status(document["job_id"])["filename"] == shown


def test_the_plain_file_name_rules_over_the_extended_one(gateway: Gateway) -> None:
    filename = "plain.jpg\"; filename*=UTF-8''extended.exe; x=\""
    answer = post(gateway, "/upload", file_part(fresh(), filename=filename) + END)
    assert (answer.status, answer.json()["filename"]) == (202, "plain.jpg")


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_the_bytes_decide_what_a_file_is(gateway: Gateway, kind: str) -> None:
    sent = picture(kind)
    answer = gateway.http.post("/upload", files={"file": ("a.jpg", sent, "text/html")})
    assert answer.status_code == 202
    original = gateway.http.get(f"/images/{answer.json()['job_id']}/original")
    assert original.headers["content-type"] == f"image/{kind.lower()}"
    assert original.content == sent


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [("order-17.b_c", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ('"><script>', False)],
)
def test_a_request_id_comes_back(gateway: Gateway, sent: str, echoed: bool) -> None:
    calls: list[Callable[[], httpx.Response]] = [
        lambda: gateway.http.get("/stats", headers={"X-Request-ID": sent}),
        lambda: gateway.http.get("/nowhere", headers={"X-Request-ID": sent}),
        lambda: gateway.http.post("/upload", headers={"X-Request-ID": sent}),
    ]
    for call in calls:
        got = call().headers["x-request-id"]
        assert (got == sent) is echoed
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", got)
