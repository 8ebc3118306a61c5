"""POST /upload-url: what is at an address becomes an upload, and nothing inside is reached by it."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.fixtures.odd_server import OddServer, head, whole
from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.conftest import SMALL_LIMITS
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import BAD_PICTURES, fresh

LIMIT = int(SMALL_LIMITS["MAX_UPLOAD_BYTES"])


@dataclass(frozen=True)
class Lab:
    """A gateway that may fetch from `web`, and a server beside it that it may not fetch from."""

    gateway: Gateway
    web: OddServer
    inside: OddServer

    def send(self, image_url: object, *, key: str | None = None, **options: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        began_s = time.monotonic()
        answer = self.gateway.http.post(
            "/upload-url",
            content=json.dumps({"image_url": image_url, **options}),
            headers={"Content-Type": "application/json", **headers},
        )
        assert time.monotonic() - began_s < 4
        return answer


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis) -> Iterator[Lab]:
    web, inside = OddServer("127.0.0.1"), OddServer("127.0.0.1")
    settings: dict[str, Any] = {**SMALL_LIMITS, "FETCH_ALLOW": f"127.0.0.1:{web.port}"}
    gateway = Gateway(tmp_path_factory.mktemp("urls"), f"{_redis_of_gateways.url}?db=9", **settings)
    inside.say("/", whole(fresh()))
    yield Lab(gateway, web, inside)
    gateway.close()
    web.close()
    inside.close()


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def refused(lab: Lab, image_url: object) -> tuple[int, str]:
    """Status and code; nothing is kept of what was refused."""
    before = lab.gateway.stored()
    code = code_of(lab.send(image_url))
    assert lab.gateway.stored() == before
    return code


def test_a_picture_is_fetched_and_taken(lab: Lab) -> None:
    sent = fresh()
    options: dict[str, Any] = {
        "blur_style": "solid",
        "mask_scale": 1.5,
        "blur_targets": ["face"],
        "priority": "bulk",
    }
    answer = lab.send(lab.web.say("/a/holi%20day.jpg?size=9", whole(sent)), **options)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    assert answer.json() == {
        "job_id": job_id,
        "filename": "holi day.jpg",
        "file_size": len(sent),
        "status": "submitted",
        "deduplicated": False,
        "message": f"Stored; see /status/{job_id}.",
    }
    assert answer.headers["location"] == f"/status/{job_id}"
    document = lab.gateway.status(job_id)
    assert {name: document["options"][name] for name in options} == options
    assert lab.gateway.http.get(f"/images/{job_id}/original").content == sent


def test_a_large_picture_goes_through_the_spool(lab: Lab) -> None:
    sent = fresh().ljust(LIMIT, b"\0")
    answer = lab.send(lab.web.say("/large.jpg", whole(sent)))
    assert (answer.status_code, answer.json()["file_size"]) == (202, LIMIT)
    assert lab.gateway.http.get(f"/images/{answer.json()['job_id']}/original").content == sent
    assert not any(path.startswith("incoming") for path in lab.gateway.held_files())


def test_the_name_is_of_the_address_that_was_asked_for(lab: Lab) -> None:
    lab.web.say("/there.png", whole(fresh()))
    answer = lab.send(lab.web.redirect("/here.jpg", "/there.png"))
    assert (answer.status_code, answer.json()["filename"]) == (202, "here.jpg")


def test_what_was_uploaded_before_is_not_done_again(lab: Lab) -> None:
    sent = fresh()
    job_id = lab.gateway.accepted_job(sent)
    before = lab.gateway.stored()
    answer = lab.send(lab.web.say("/again.jpg", whole(sent)))
    assert (answer.status_code, answer.json()["job_id"], answer.json()["deduplicated"]) == (202, job_id, True)
    assert answer.json()["filename"] == "again.jpg"
    assert lab.gateway.stored() == before


def test_the_same_key_gives_the_same_answer_and_fetches_nothing(lab: Lab) -> None:
    key, url = str(uuid4()), lab.web.say("/keyed.jpg", whole(fresh()))
    first = lab.send(url, key=key, mask_scale=2)
    assert first.status_code == 202
    before, fetches = lab.gateway.stored(), len(lab.web.heads)
    lab.web.say("/keyed.jpg", head("410 Gone", "Content-Length: 0"))
    again = lab.send(url, key=key, mask_scale=2)
    assert (again.status_code, again.json()) == (202, first.json())
    for answer in (
        lab.send(url, key=key),
        lab.send(f"{url}?", key=key, mask_scale=2),
        lab.gateway.http.post("/upload", files={"file": fresh()}, headers={"Idempotency-Key": key}),
    ):
        assert code_of(answer) == (409, "idempotency_conflict")
    assert (lab.gateway.stored(), len(lab.web.heads)) == (before, fetches)


def test_a_key_is_used_by_what_was_taken_not_by_what_failed(lab: Lab) -> None:
    key, url = str(uuid4()), lab.web.url("/later.jpg")
    assert code_of(lab.send(url, key=key)) == (422, "fetch_failed")
    lab.web.say("/later.jpg", whole(fresh()))
    assert lab.send(url, key=key).status_code == 202


def test_of_many_with_one_key_one_makes_the_job(lab: Lab) -> None:
    key, url = str(uuid4()), lab.web.say("/race.jpg", whole(fresh()))
    images, jobs, *_ = lab.gateway.rows()
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: lab.send(url, key=key), range(8)))
    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    assert len({answer.text for answer in answers}) == 1
    assert lab.gateway.rows()[:2] == (images + 1, jobs + 1)


@pytest.mark.parametrize(
    "image_url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://localhost./",
        "http://[::1]/",
        "http://0/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.100.100.200/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://\uff11\uff12\uff17.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://127.0.0.1/",
        "http://user:password@example.com/",
        "http://example.com:22/",
        "http://example.com:6379/",
        "http://example.com/\r\nX: y",
        "http://p\u0430ypal.com/",
        "http://example.com/" + "a" * 10_000,
        "",
    ],
)
def test_a_forbidden_address(lab: Lab, image_url: str) -> None:
    assert refused(lab, image_url) == (422, "url_forbidden")


def test_no_spelling_and_no_redirect_reaches_inside(lab: Lab) -> None:
    port = lab.inside.port
    addresses = [f"http://{host}:{port}/" for host in ("127.0.0.1", "localhost", "127.1", "[::ffff:7f00:1]")]
    for number, address in enumerate(addresses):
        assert refused(lab, address) == (422, "url_forbidden")
        assert refused(lab, lab.web.redirect(f"/to-{number}", address)) == (422, "url_forbidden")
    for left in range(11, 0, -1):
        lab.web.redirect(f"/chain-{left}", f"/chain-{left - 1}")
    assert refused(lab, lab.web.url("/chain-11")) == (422, "fetch_failed")
    assert lab.inside.connections == 0


@pytest.mark.parametrize("name", sorted(BAD_PICTURES))
def test_what_is_no_picture_is_refused_as_any_upload(lab: Lab, name: str) -> None:
    content, status, code = BAD_PICTURES[name]
    url = lab.web.say(f"/{name}", whole(content, "Content-Type: image/jpeg"))
    assert refused(lab, url) == (status, code)


def test_servers_that_lie_and_flood(lab: Lab) -> None:
    web, too_large, failed = lab.web, (413, "file_too_large"), (422, "fetch_failed")
    assert refused(lab, web.flood("/endless", b"x" * 65536, before=head())) == too_large
    assert refused(lab, web.say("/limit", whole(fresh().ljust(LIMIT + 1, b"\0")))) == too_large
    assert refused(lab, web.say("/huge", head("200 OK", "Content-Length: 10000000000"))) == too_large
    assert refused(lab, web.say("/short", head("200 OK", "Content-Length: 9") + b"x")) == failed
    assert refused(lab, web.say("/gzip", whole(b"x", "Content-Encoding: gzip"))) == failed
    assert refused(lab, web.say("/no", head("204 No Content"))) == (422, "empty_file")
    assert refused(lab, web.say("/missing", head("404 Not Found", "Content-Length: 0"))) == failed
    assert refused(lab, web.say("/smtp", b"220 smtp.example ESMTP\r\n")) == failed


@pytest.mark.parametrize("image_url", [None, 1, ["http://example.com/"], {}, True])
def test_an_address_is_a_text(lab: Lab, image_url: object) -> None:
    assert refused(lab, image_url) == (422, "invalid_option")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"nonsense": 1}, "unknown_field"),
        ({"file": "x"}, "unknown_field"),
        ({"options": {}}, "unknown_field"),
        ({"mask_scale": 99}, "invalid_option"),
        ({"blur_targets": ["unheard of"]}, "invalid_option"),
    ],
)
def test_members_out_of_range_are_refused_before_anything_is_fetched(
    lab: Lab, members: dict[str, Any], code: str
) -> None:
    fetches = len(lab.web.heads)
    assert code_of(lab.send(lab.web.url("/unasked.jpg"), **members)) == (422, code)
    assert len(lab.web.heads) == fetches


def test_what_is_asked_for_is_not_logged(lab: Lab) -> None:
    assert lab.send(lab.web.say("/private-path.jpg?token=s3cret", whole(fresh()))).status_code == 202
    assert lab.send(lab.web.url("/private-path-missing.jpg?token=s3cret")).status_code == 422
    assert "private-path" not in lab.gateway.log
    assert "s3cret" not in lab.gateway.log


def test_it_is_described(lab: Lab) -> None:
    document = lab.gateway.http.get("/openapi.json").json()
    described = document["paths"]["/upload-url"]["post"]
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    assert (schema["required"], schema["additionalProperties"]) == (["image_url"], False)
    form = document["paths"]["/upload"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["properties"].keys() - {"image_url"} == form["properties"].keys() - {"file"}
    assert {"202", "409", "413", "415", "422", "503"} <= described["responses"].keys()
