"""A zip or a tar in one request: each file by itself, and hostile archives cost nothing."""

import math
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.fixtures.archives import PACKERS, tar_of, zip_of
from tests.integration.api.archive_samples import BAD_ARCHIVES, BAD_ENTRIES, BadArchiveSample
from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import END, file_part, post, text_part
from tests.integration.api.refusals import at_once
from tests.integration.api.samples import GOOD, fresh

pytestmark = [pytest.mark.one_house, pytest.mark.usefixtures("unharmed")]


def send(
    gateway: Gateway, archive: bytes, key: str | None = None, *, kind: str = "application/zip", **options: str
) -> httpx.Response:
    headers = {"Content-Type": kind} | ({"Idempotency-Key": key} if key else {})
    return gateway.http.post("/batch-upload", content=archive, headers=headers, params=options)


def incoming(gateway: Gateway) -> list[Path]:
    return list((gateway.data_dir / "incoming").iterdir())


@pytest.mark.parametrize("packer", PACKERS)
def test_each_file_is_taken_under_its_last_name(gateway: Gateway, packer: str) -> None:
    files = [("a.jpg", fresh()), ("../../etc/b.jpg", fresh()), ("/c.jpg", fresh()), ("no.jpg", b"hello")]
    answer = send(gateway, PACKERS[packer](files))
    assert answer.status_code == 202, answer.text
    document = answer.json()
    assert answer.headers["location"] == f"/batches/{document['batch_id']}"
    assert [(item["filename"], item["file_size"]) for item in document["accepted"]] == [
        (name.rpartition("/")[2], len(content)) for name, content in files[:3]
    ]
    assert [(item["filename"], item["error"]["code"]) for item in document["rejected"]] == [
        ("no.jpg", "not_an_image")
    ]
    counts = gateway.http.get(f"/batches/{document['batch_id']}").json()["counts"]
    assert (counts["submitted"], counts["rejected"]) == (3, 1)
    assert not incoming(gateway)


@pytest.mark.parametrize(
    "kind", ["application/x-tar", "application/gzip; x=y", "Application/X-Zip-Compressed"]
)
def test_the_bytes_decide_which_archive_it_is(gateway: Gateway, kind: str) -> None:
    answer = send(gateway, zip_of([("a.jpg", GOOD)]), kind=kind)
    assert len(answer.json()["accepted"]) == 1


def test_the_stored_original_is_what_was_packed(gateway: Gateway) -> None:
    sent = fresh()
    accepted = send(gateway, zip_of([("a.jpg", sent)])).json()["accepted"]
    assert gateway.http.get(f"/images/{accepted[0]['job_id']}/original").content == sent


def test_options_are_in_the_address(gateway: Gateway) -> None:
    sent = zip_of([("a.jpg", GOOD), ("b.jpg", fresh())])
    answer = send(gateway, sent, mask_scale="2", extra_regions="[[0, 0, 9, 9]]", blur_targets="face")
    for item in answer.json()["accepted"]:
        options = gateway.status(item["job_id"])["options"]
        assert (options["mask_scale"], options["extra_regions"]) == (2, [[0, 0, 9, 9]])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("colour=red", "unknown_field"),
        ("mask_scale=9", "invalid_option"),
        ("mask_scale=2&mask_scale=2", "invalid_option"),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_a_bad_option_refuses_the_archive(gateway: Gateway, query: str, code: str) -> None:
    headers = {"Content-Type": "application/zip"}
    archive = zip_of([("a.jpg", fresh())])
    answer = gateway.http.post(f"/batch-upload?{query}", content=archive, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_an_archive_may_be_the_file_of_a_form(gateway: Gateway) -> None:
    archive = tar_of([("a.jpg", fresh()), ("b.jpg", fresh())])
    answer = gateway.http.post("/batch-upload", files={"files": archive}, data={"mask_scale": "2"})
    accepted = answer.json()["accepted"]
    assert [item["filename"] for item in accepted] == ["a.jpg", "b.jpg"]
    assert gateway.status(accepted[0]["job_id"])["options"]["mask_scale"] == 2


@pytest.mark.parametrize(
    ("after", "status", "code"),
    [
        (file_part(GOOD, name="files") + END, 413, "too_many_files"),
        (text_part("mask_scale", "2") + END, 422, "option_after_file"),
        (b"", 400, "malformed_request"),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_nothing_may_follow_the_archive_of_a_form(
    gateway: Gateway, after: bytes, status: int, code: str
) -> None:
    archive = file_part(zip_of([("a.jpg", fresh())]), name="files")
    answer = post(gateway, "/batch-upload", archive + after)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert "batch_id" not in answer.json()


def test_an_archive_after_another_file_is_a_file_that_is_no_picture(gateway: Gateway) -> None:
    files = [("files", ("a.jpg", GOOD)), ("files", ("b.zip", zip_of([("c.jpg", GOOD)])))]
    document = gateway.http.post("/batch-upload", files=files).json()
    assert [item["error"]["code"] for item in document["rejected"]] == ["unsupported_format"]


def test_an_archive_sent_again_with_its_key_goes_on_where_it_stopped(gateway: Gateway) -> None:
    key, files = str(uuid4()), [(f"{number}.jpg", fresh()) for number in range(4)]
    whole, before = tar_of(files), gateway.rows()
    # Without its end, and with the fourth picture cut.
    broken = send(gateway, whole[: whole.index(files[3][1]) + 100], key).json()
    assert broken["code"] == "bad_archive"
    assert gateway.rows()[1] == before[1] + 3
    document = send(gateway, whole, key).json()
    assert document["batch_id"] == broken["batch_id"]
    assert len(document["accepted"]) == 4
    assert gateway.rows()[1] == before[1] + 4
    assert send(gateway, whole, key).json() == document


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_a_bad_entry_is_refused_by_itself(gateway: Gateway, name: str) -> None:
    archive, code = BAD_ENTRIES[name]
    before = gateway.held_files()
    with at_once():
        answer = send(gateway, archive)
    assert answer.status_code == 202, answer.text
    document = answer.json()
    assert {item["error"]["code"] for item in document["rejected"]} == {code}
    assert [item["filename"] for item in document["accepted"]] == ["good.jpg"]
    # Which may be one of an earlier test.
    assert len(gateway.held_files() - before) <= 1
    assert not incoming(gateway)


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_a_bad_archive_is_refused(gateway: Gateway, name: str) -> None:
    sample = BAD_ARCHIVES[name]
    before = gateway.stored()
    with at_once():
        answer = send(gateway, sample.archive)
    assert_refused(answer, sample)
    assert not incoming(gateway)
    if not sample.is_begun:
        assert gateway.stored() == before


def assert_refused(answer: httpx.Response, sample: BadArchiveSample) -> None:
    document = answer.json()
    assert (answer.status_code, document["code"]) == (sample.status, sample.code), document
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("batch_id" in document) is sample.is_begun


def test_more_pictures_than_a_batch_may_have_end_it_after_the_last_that_fits(gateway: Gateway) -> None:
    answer = send(gateway, zip_of([(f"{number}.jpg", GOOD) for number in range(21)]))
    document = answer.json()
    assert (answer.status_code, document["code"]) == (413, "too_many_files")
    assert gateway.http.get(f"/batches/{document['batch_id']}").json()["counts"]["submitted"] == 20


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.usefixtures("unchanged")
def test_a_body_beyond_the_limit_is_refused(gateway: Gateway, is_chunked: bool) -> None:
    headers = {"Content-Type": "application/x-tar"}
    piece = tar_of([("a.jpg", bytes(1_000_000))])
    body = (piece for _ in range(13)) if is_chunked else piece * 13
    answer = gateway.http.post("/batch-upload", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    assert not incoming(gateway)


def test_a_zip_of_photos_gives_results(working_house: Gateway, astronaut_jpeg: bytes) -> None:
    files = [(f"{number}.jpg", fresh(astronaut_jpeg)) for number in range(3)]
    document = send(working_house, zip_of(files)).json()
    for item in document["accepted"]:
        ended = working_house.ended(item["job_id"])
        assert ended["status"] == "completed", ended
        assert math.isfinite(ended["results"]["processing_time"])
        assert ended["results"]["blur_metadata"]["regions"]
    batch = working_house.http.get(f"/batches/{document['batch_id']}").json()
    assert (batch["done"], batch["counts"]["completed"]) == (True, 3)
