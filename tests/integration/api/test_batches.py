"""Many files in one request: each by itself, in order; what arrived before a break stays."""

import itertools
from collections.abc import Sequence
from uuid import uuid4

import httpx
import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.raw_http import END, connect, file_part, post, post_head, text_part
from tests.integration.api.samples import GOOD, fresh, picture
from tests.waiting import wait_until
from veilgate.imaging.formats import names_taken

Files = Sequence[tuple[str, bytes]]


def send(gateway: Gateway, files: Files, key: str | None = None, **options: str) -> httpx.Response:
    parts = [("files", file) for file in files]
    headers = {"Idempotency-Key": key} if key else {}
    return gateway.http.post("/batch-upload", files=parts, data=options, headers=headers)


def pictures(count: int) -> list[tuple[str, bytes]]:
    return [(f"{number}.jpg", fresh()) for number in range(count)]


def test_the_answer_names_every_file_in_order(gateway: Gateway) -> None:
    files = pictures(3)
    answer = send(gateway, [files[0], ("no.jpg", b"no picture"), *files[1:], files[0]])
    assert answer.status_code == 202
    document = answer.json()
    assert answer.headers["location"] == f"/batches/{document['batch_id']}"
    assert set(document) == {"batch_id", "accepted", "rejected"}
    assert [(item["filename"], item["file_size"]) for item in document["accepted"]] == [
        (name, len(content)) for name, content in (*files, files[0])
    ]
    job_ids = [item["job_id"] for item in document["accepted"]]
    assert len(set(job_ids)) == 3
    assert job_ids[3] == job_ids[0], "the same file once more"
    assert [item["deduplicated"] for item in document["accepted"]] == [False, False, False, True]
    assert [(item["filename"], item["error"]["code"]) for item in document["rejected"]] == [
        ("no.jpg", "not_an_image")
    ]


def test_the_batch_tells_how_far_it_is(gateway: Gateway) -> None:
    sent = send(gateway, [*pictures(2), ("no.jpg", b"no picture")]).json()
    document = gateway.http.get(f"/batches/{sent['batch_id']}").json()
    assert isinstance(document.pop("created_at"), int)
    items = document.pop("items")
    assert document == {
        "batch_id": sent["batch_id"],
        "total": 3,
        "done": False,
        "counts": {
            "submitted": 2,
            "processing": 0,
            "completed": 0,
            "failed": 0,
            "cancelled": 0,
            "rejected": 1,
        },
        "next": None,
    }
    assert [item["job_id"] for item in items] == [*(item["job_id"] for item in sent["accepted"]), None]
    assert items[2] == {
        "position": 2,
        "filename": "no.jpg",
        "job_id": None,
        "status": "rejected",
        "error": {"code": "not_an_image", "message": f"The file is not a {names_taken()} picture."},
    }


def test_a_long_batch_is_read_in_pages(gateway: Gateway) -> None:
    sent = send(gateway, pictures(5)).json()
    first: int | None = 0
    seen: list[str] = []
    while first is not None:
        page = gateway.http.get(f"/batches/{sent['batch_id']}", params={"first": first, "limit": 2}).json()
        seen += [item["job_id"] for item in page["items"]]
        first = page["next"]
    assert seen == [item["job_id"] for item in sent["accepted"]]


@pytest.mark.parametrize("parameters", [{"first": -1}, {"limit": 0}, {"limit": 1001}, {"first": 10**20}])
def test_a_page_that_is_none_is_refused(gateway: Gateway, parameters: dict[str, int]) -> None:
    batch_id = send(gateway, pictures(1)).json()["batch_id"]
    answer = gateway.http.get(f"/batches/{batch_id}", params=parameters)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")


@pytest.mark.parametrize("field", ["files", "file", "files[]"])
def test_options_before_the_files_are_for_all(gateway: Gateway, field: str) -> None:
    files = file_part(GOOD, name=field) + file_part(GOOD, name=field)
    answer = post(gateway, "/batch-upload", text_part("mask_scale", "2") + files + END)
    for item in answer.json()["accepted"]:
        assert gateway.status(item["job_id"])["options"]["mask_scale"] == 2


def test_an_option_after_a_file_ends_the_request_and_names_the_batch(gateway: Gateway) -> None:
    body = file_part(GOOD, name="files") + text_part("mask_scale", "2") + file_part(GOOD, name="files") + END
    answer = post(gateway, "/batch-upload", body)
    document = answer.json()
    assert (answer.status, document["code"]) == (422, "option_after_file")
    assert gateway.http.get(f"/batches/{document['batch_id']}").json()["total"] == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (text_part("colour", "red"), "unknown_field"),
        (text_part("mask_scale", "9"), "invalid_option"),
        (text_part("mask_scale", "2") * 2, "invalid_option"),
        (text_part("files", "x"), "missing_file"),
    ],
)
def test_a_bad_option_refuses_the_whole_batch(gateway: Gateway, options: bytes, code: str) -> None:
    before = gateway.stored()
    answer = post(gateway, "/batch-upload", options + file_part(GOOD, name="files") + END)
    assert (answer.status, answer.json()["code"]) == (422, code)
    assert gateway.stored() == before


def test_too_many_files_end_the_request_after_the_last_that_fits(gateway: Gateway) -> None:
    answer = send(gateway, [("a.jpg", GOOD)] * 21)
    document = answer.json()
    assert (answer.status_code, document["code"]) == (413, "too_many_files")
    assert gateway.http.get(f"/batches/{document['batch_id']}").json()["counts"]["submitted"] == 20


def test_a_missing_end_keeps_the_complete_files(gateway: Gateway) -> None:
    answer = post(gateway, "/batch-upload", file_part(GOOD, name="files") * 3)
    document = answer.json()
    assert (answer.status, document["code"]) == (400, "malformed_request")
    assert gateway.http.get(f"/batches/{document['batch_id']}").json()["total"] == 2


def test_a_client_that_vanishes_resumes_with_its_key(gateway: Gateway) -> None:
    files, key = pictures(6), str(uuid4())
    before = gateway.rows()
    parts = [file_part(content, name="files", filename=name) for name, content in files]
    with connect(gateway) as connection:
        head = post_head("/batch-upload", "Transfer-Encoding: chunked", f"Idempotency-Key: {key}")
        body = b"".join(parts[:3]) + parts[3][:400]
        connection.sendall(head + f"{len(body):x}\r\n".encode() + body + b"\r\n")
        wait_until(lambda: gateway.rows()[1] == before[1] + 3, timeout_s=10, what="three stored files")
    arrived = stored_jobs(gateway, key, files[:3])
    wait_until(lambda: not incoming(gateway), timeout_s=10, what="an empty spool")

    document = send(gateway, files, key).json()
    job_ids = [item["job_id"] for item in document["accepted"]]
    assert job_ids[:3] == arrived
    assert len(set(job_ids)) == 6
    assert gateway.rows()[1] == before[1] + 6
    again = send(gateway, files, key).json()
    assert again == document


def test_a_batch_resumed_with_other_options_is_a_conflict(gateway: Gateway) -> None:
    key = str(uuid4())
    assert send(gateway, pictures(1), key).status_code == 202
    before = gateway.stored()
    answer = send(gateway, pictures(1), key, mask_scale="2")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert gateway.stored() == before


@pytest.mark.parametrize(
    "other",
    [picture(seed=55), b"", b"no picture", GOOD + bytes(1_000_000)],
    ids=["new", "empty", "no", "large"],
)
def test_another_file_in_its_place_is_refused_and_the_first_stays(gateway: Gateway, other: bytes) -> None:
    key = str(uuid4())
    first = send(gateway, [("a.jpg", GOOD)], key).json()
    document = send(gateway, [("a.jpg", other)], key).json()
    assert document["accepted"] == []
    assert document["rejected"][0]["error"] == {
        "code": "idempotency_conflict",
        "message": "File 1 differs from the one first sent with this key.",
    }
    items = gateway.http.get(f"/batches/{first['batch_id']}").json()["items"]
    assert [item["job_id"] for item in items] == [first["accepted"][0]["job_id"]]


def test_a_file_refused_before_may_be_put_right(gateway: Gateway) -> None:
    key = str(uuid4())
    assert send(gateway, [("a.jpg", b"no picture")], key).json()["accepted"] == []
    document = send(gateway, [("a.jpg", GOOD)], key).json()
    assert len(document["accepted"]) == 1
    counts = gateway.http.get(f"/batches/{document['batch_id']}").json()["counts"]
    assert (counts["submitted"], counts["rejected"]) == (1, 0)


def stored_jobs(gateway: Gateway, key: str, files: Files) -> list[str]:
    """The jobs of a batch as a resumption of its first files shows them."""
    parts = b"".join(file_part(content, name="files", filename=name) for name, content in files)
    answer = post(gateway, "/batch-upload", parts + END, f"Idempotency-Key: {key}")
    return [item["job_id"] for item in itertools.chain(answer.json()["accepted"])]


def incoming(gateway: Gateway) -> list[str]:
    return [path for path in gateway.held_files() if path.startswith("incoming")]
