"""How files are sent: who may keep them, for how long, and which part of them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from veilgate.api.file_sending import send_file
from veilgate.services.images.copies import Copies, FileCopy
from veilgate.services.images.image_links import ImageLinks
from veilgate.storage.local import LocalObjectStore

DATA = bytes(range(256)) * 10_000
VEILED = FileCopy("results/a/1/processed.jpg", "image/jpeg", "a.jpg", version="now")
ORIGINAL = FileCopy("original/2026/01/01/a", "image/jpeg", "a-original.jpg")
KEPT = "max-age=31536000, immutable"


def client(folder: Path, copy: FileCopy, *, base_url: str = "") -> TestClient:
    store = LocalObjectStore(folder / "objects")
    store.put(copy.key, DATA, media_type=copy.media_type)
    parts: Any = SimpleNamespace(copies=Copies(database=None, store=store), links=ImageLinks(base_url))  # type: ignore[arg-type]
    app = FastAPI()

    @app.api_route("/file", methods=["GET", "HEAD"])
    def file(request: Request, v: str | None = None) -> Any:
        return send_file(request, parts, copy, version=v)

    return TestClient(app)


@pytest.mark.parametrize(
    ("copy", "address", "base_url", "cache"),
    [
        (VEILED, "/file", "", "private, no-cache"),
        (VEILED, "/file?v=now", "", f"private, {KEPT}"),
        (VEILED, "/file?v=now", "https://cdn.example", f"public, {KEPT}"),
        (VEILED, "/file?v=then", "https://cdn.example", "private, no-cache"),
        (ORIGINAL, "/file?v=now", "https://cdn.example", "private, no-cache"),
    ],
)
def test_what_may_be_kept_says_so(
    copy: FileCopy, address: str, base_url: str, cache: str, tmp_path: Path
) -> None:
    http = client(tmp_path, copy, base_url=base_url)
    answer = http.get(address)
    assert (answer.content, answer.headers["cache-control"]) == (DATA, cache)
    again = http.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, cache)


def test_a_part_is_sent_as_a_part(tmp_path: Path) -> None:
    http = client(tmp_path, VEILED)
    answer = http.get("/file", headers={"Range": "bytes=100-1099999"})
    assert (answer.status_code, answer.content) == (206, DATA[100:1_100_000])
    assert answer.headers["content-range"] == f"bytes 100-1099999/{len(DATA)}"
    assert answer.headers["content-length"] == "1099900"
    assert answer.headers["accept-ranges"] == "bytes"
    assert http.get("/file", headers={"Range": "bytes=-1"}).content == DATA[-1:]


@pytest.mark.parametrize(
    "headers", [{"Range": "bytes=0-0,2-2"}, {"Range": "x"}, {"Range": "bytes=0-0", "If-Range": "x"}]
)
def test_what_asks_for_no_one_part_gets_the_whole(headers: dict[str, str], tmp_path: Path) -> None:
    answer = client(tmp_path, VEILED).get("/file", headers=headers)
    assert (answer.status_code, answer.content) == (200, DATA)


def test_behind_the_end_is_nothing(tmp_path: Path) -> None:
    answer = client(tmp_path, VEILED).get("/file", headers={"Range": f"bytes={len(DATA)}-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"


def test_a_head_has_no_parts(tmp_path: Path) -> None:
    answer = client(tmp_path, VEILED).head("/file", headers={"Range": "bytes=0-0"})
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(DATA)))
