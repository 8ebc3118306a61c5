"""GET /images/{id}/similar and POST /search as callers meet them."""

from typing import Any

import pytest

from tests.integration.api.refusals import at_once
from tests.integration.api.samples import BAD_PICTURES, GOOD, picture
from tests.integration.similar.lab import Lab, ids_in

# Larger than what is held in memory, so that it goes through the spool.
LARGE = GOOD + bytes(2_000_000)
BAD_PARAMETERS: list[tuple[str, str]] = [
    *(("k", value) for value in ("0", "201", "-1", "x", "1.5", "", "9" * 400, "NaN")),
    *(("min_score", value) for value in ("1.01", "-1.01", "NaN", "inf", "x", "")),
    *(("tag", value) for value in ("", "t" * 81)),
    *(("since", value) for value in ("soon", "NaN", "-1", "1e300", "2026-13-01")),
    *(("before", value) for value in ("soon", "1e300")),
    *(("batch", value) for value in ("x", "..")),
    ("vehicle", ""),
    ("filename", ""),
    ("cursor", "c" * 1001),
]


def test_the_likest_of_ones_own(lab: Lab) -> None:
    sought = lab.add(0.95, lab.alice)
    near, far = lab.add(0.9, lab.alice, filename="near.jpg"), lab.add(0.1, lab.alice)
    foreign = lab.add(0.95, lab.bob)
    answer = lab.get(f"/images/{sought}/similar", lab.alice, k=1)
    document = answer.json()
    (hit,) = document["hits"]
    assert {name: document[name] for name in ("model", "exactness")} == {
        "model": "little",
        "exactness": "approximate",
    }
    assert 0.98 < hit.pop("score") < 1
    assert hit.pop("created_at") > 0
    assert hit == {
        "image_id": near,
        "filename": "near.jpg",
        "file_size": len(GOOD) + 8,
        "processed_url": None,
        "thumbnail_urls": {},
        "original_url": f"/images/{near}/original",
    }
    lab.change(near, original_dropped_at_ms=1)
    (hit,) = lab.get(f"/images/{sought}/similar", lab.alice, k=1, filename="near*").json()["hits"]
    assert hit["original_url"] is None, "its time was over"
    rest = lab.get(f"/images/{sought}/similar", lab.alice, k=1, cursor=document["next"])
    assert ids_in(rest) == [far]
    assert rest.json()["next"] is None
    assert ids_in(lab.get(f"/images/{foreign}/similar", lab.bob)) == []
    assert lab.get(f"/images/{foreign}/similar", lab.alice).json()["code"] == "image_not_found"


def test_a_picture_is_searched_with_and_kept_nowhere(lab: Lab) -> None:
    like = lab.add(0.999, lab.alice)
    lab.add(1.0, lab.bob)
    before = lab.gateway.stored()
    for sent in (GOOD, LARGE):
        assert ids_in(lab.search(sent, lab.alice, k=1, min_score=0.99)) == [like]
        assert lab.index.pictures.pop() == sent
        assert lab.gateway.stored() == before


def test_fields_beside_the_picture_mean_what_they_mean_in_the_address(lab: Lab) -> None:
    lab.add(0.7, lab.alice, filename="one.jpg")
    named = lab.add(0.6, lab.alice, filename="two.jpg")
    in_form = lab.search(GOOD, lab.alice, filename="two.jpg", min_score="0.5", before="2099-01-01")
    url = "/search?filename=two.jpg&min_score=0.5&before=2099-01-01"
    in_address = lab.gateway.http.post(url, headers=lab.alice, files={"file": ("q.jpg", GOOD)})
    assert ids_in(in_form) == ids_in(in_address) == [named]
    assert in_form.json()["exactness"] == "exact"


def test_a_picture_that_is_at_an_address(lab: Lab) -> None:
    like = lab.add(0.9999, lab.alice)
    image_url = lab.web.say("/a.jpg", b"HTTP/1.1 200 OK\r\n\r\n" + GOOD)
    members: dict[str, Any] = {"image_url": image_url, "k": 1, "min_score": 0.9995}
    before = lab.gateway.stored()
    bodies: list[dict[str, Any]] = [
        {"json": members},
        {"files": {name: (None, str(value)) for name, value in members.items()}},
    ]
    for body in bodies:
        assert ids_in(lab.gateway.http.post("/search", headers=lab.alice, **body)) == [like]
        assert lab.index.pictures.pop() == GOOD
    assert lab.gateway.stored() == before


def test_an_address_inside_is_not_fetched_from(lab: Lab) -> None:
    members = {"image_url": "http://127.0.0.1:1/a.jpg"}
    answer = lab.gateway.http.post("/search", headers=lab.alice, json=members)
    assert (answer.status_code, answer.json()["code"]) == (422, "url_forbidden")


def test_a_query_picture_is_judged_as_an_upload(lab: Lab) -> None:
    lab.index.pictures.clear()
    too_large = {"too-large": (GOOD + bytes(4_000_000), 413, "file_too_large")}
    for name, (sent, status, code) in {**BAD_PICTURES, **too_large}.items():
        answer = lab.search(sent, lab.alice)
        assert (answer.status_code, answer.json()["code"]) == (status, code), name
    assert lab.index.pictures == []


def test_a_picture_that_only_a_decoder_finds_broken(lab: Lab) -> None:
    for code in ("undecodable", "decode_timeout", "decoder_crashed"):
        lab.index.refuses = (422, code)
        answer = lab.search(picture(seed=3), lab.alice)
        assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_parameters_out_of_range(lab: Lab) -> None:
    sought = lab.add(0.5, lab.alice)
    for name, value in BAD_PARAMETERS:
        with at_once():
            asked = lab.get(f"/images/{sought}/similar", lab.alice, **{name: value})
            sent = lab.search(GOOD, lab.alice, **{name: value})
        for answer in (asked, sent):
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter"), (name, value)
            assert answer.json()["detail"].startswith(name)


@pytest.mark.parametrize("cursor", ["x", "a" * 1000, "\N{SNOWMAN}", "e30", "../.."])
def test_a_cursor_that_none_gave_out(lab: Lab, cursor: str) -> None:
    sought = lab.add(0.5, lab.alice)
    for answer in (
        lab.get(f"/images/{sought}/similar", lab.alice, cursor=cursor),
        lab.search(GOOD, lab.alice, cursor=cursor),
        lab.get("/duplicates", lab.alice, cursor=cursor),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


BAD_BODIES: dict[str, tuple[dict[str, Any], int, str]] = {
    "nothing": ({}, 400, "malformed_request"),
    "a text": ({"content": b"x"}, 400, "malformed_request"),
    "no file": ({"files": {"k": (None, "3")}}, 422, "missing_file"),
    "another field": ({"files": {"picture": ("a.jpg", GOOD)}}, 422, "missing_file"),
    "a file as text": ({"files": {"file": (None, "x")}}, 422, "missing_file"),
    "two files": ({"files": [("file", ("a", GOOD)), ("file", ("b", GOOD))]}, 413, "too_many_files"),
    "an option": (
        {"files": {"file": ("a", GOOD)}, "data": {"blur_style": "solid"}},
        422,
        "unknown_field",
    ),
    "twice": (
        {"files": [("file", ("a", GOOD)), ("k", (None, "1")), ("k", (None, "2"))]},
        422,
        "invalid_option",
    ),
    "both": (
        {"files": {"file": ("a", GOOD)}, "data": {"image_url": "http://x.example"}},
        422,
        "invalid_option",
    ),
    "no address": ({"json": {"k": 3}}, 422, "invalid_option"),
    "a number as address": ({"json": {"image_url": 7}}, 422, "invalid_option"),
    "a member": ({"json": {"image_url": "http://x.example/", "file": "x"}}, 422, "unknown_field"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_is_none(lab: Lab, name: str) -> None:
    body, status, code = BAD_BODIES[name]
    before = lab.gateway.stored()
    answer = lab.gateway.http.post("/search", headers=lab.alice, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert lab.gateway.stored() == before
