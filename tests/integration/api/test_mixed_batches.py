"""One batch of everything: each file is judged by itself, and none spoils the others."""

from uuid import uuid4

import httpx
import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.refusals import at_once
from tests.integration.api.samples import GOOD, fresh, png_of_size

pytestmark = pytest.mark.usefixtures("unharmed")

BOMB = png_of_size(65_535, 65_535)
REFUSED = {
    "bomb.png": (BOMB, "too_many_pixels"),
    "empty.jpg": (b"", "empty_file"),
    "half.jpg": (GOOD[: len(GOOD) // 2], "truncated"),
    "page.html": (b"<!doctype html><script>alert(1)</script>", "not_an_image"),
    "large.jpg": (GOOD + bytes(1_000_000), "file_too_large"),
}


@pytest.mark.parametrize("order", ["good first", "good last"])
def test_a_batch_of_good_bad_and_twins(gateway: Gateway, order: str) -> None:
    twin = fresh()
    good = [("good.jpg", fresh()), ("twin.jpg", twin), ("twin again.jpg", twin)]
    bad = [(name, content) for name, (content, _) in REFUSED.items()]
    files = [*good, *bad] if order == "good first" else [*bad, *good]
    before, headers = gateway.rows(), {"Idempotency-Key": uuid4().hex}
    with at_once():
        answer = send(gateway, files, headers)
    document = answer.json()
    assert answer.status_code == 202
    first, one, other = document["accepted"]
    assert (first["job_id"] != one["job_id"], one["job_id"] == other["job_id"]) == (True, True)
    assert [item["deduplicated"] for item in (first, one, other)] == [False, False, True]
    assert {item["filename"]: item["error"]["code"] for item in document["rejected"]} == {
        name: code for name, (_, code) in REFUSED.items()
    }
    grown = [after - earlier for after, earlier in zip(gateway.rows(), before, strict=True)]
    assert grown[:4] == [2, 2, 1, len(files)], "images, jobs, batches, items"
    assert not [path for path in gateway.held_files() if path.startswith("incoming")]
    assert send(gateway, files, headers).json() == document, "asked again, the same"


def send(gateway: Gateway, files: list[tuple[str, bytes]], headers: dict[str, str]) -> httpx.Response:
    return gateway.http.post("/batch-upload", files=[("files", file) for file in files], headers=headers)


def test_a_batch_of_nothing_good_is_an_answer_all_the_same(gateway: Gateway) -> None:
    bad = [(name, content) for name, (content, _) in REFUSED.items()]
    with at_once():
        document = send(gateway, bad * 4, {}).json()
    assert (document["accepted"], len(document["rejected"])) == ([], 20)
    batch = gateway.http.get(f"/batches/{document['batch_id']}").json()
    assert batch["done"] is True
    assert batch["counts"]["rejected"] == 20
