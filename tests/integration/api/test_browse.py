"""Looking through one's images, saying what is on them, and finding them by that."""

from itertools import pairwise
from typing import Any

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.refusals import assert_problem, at_once, raw
from tests.integration.api.samples import fresh

NOBODYS = "01890a5d-ac96-774b-bcce-b302099a8057"


def answer(house: Gateway, path: str, **parameters: Any) -> dict[str, Any]:
    got = house.http.get(path, params=parameters)
    assert got.status_code == 200, got.text
    document: dict[str, Any] = got.json()
    return document


def ids(document: dict[str, Any]) -> list[str]:
    return [image["image_id"] for image in document["images" if "images" in document else "hits"]]


def uploaded(house: Gateway, *filenames: str) -> list[str]:
    return [house.upload(fresh(), name).json()["job_id"] for name in filenames]


@pytest.fixture(scope="module")
def veiled(working_house: Gateway, astronaut_jpeg: bytes) -> str:
    """A picture with a face, processed."""
    job_id = str(working_house.upload(fresh(astronaut_jpeg), "RedHarbour_0042.jpg").json()["job_id"])
    assert working_house.ended(job_id)["status"] == "completed"
    return job_id


def test_images_come_newest_first_in_pages(gateway: Gateway) -> None:
    sent = uploaded(gateway, *(f"browse-{number}.jpg" for number in range(7)))
    page = answer(gateway, "/images", filename="browse-*", limit=3)
    uploaded(gateway, "browse-8.jpg")  # while somebody reads on
    found = ids(page)
    while page["next"]:
        page = answer(gateway, "/images", filename="browse-*", limit=3, cursor=page["next"])
        found += ids(page)
    assert found == sent[::-1]
    newest = answer(gateway, "/images", limit=200)["images"]
    assert all(first["image_id"] > second["image_id"] for first, second in pairwise(newest))


def test_an_image_that_waits_is_listed_with_what_is_known(gateway: Gateway) -> None:
    (image_id,) = uploaded(gateway, "waits.jpg")
    (listed,) = answer(gateway, "/images", filename="waits.jpg")["images"]
    whole = answer(gateway, f"/images/{image_id}")
    assert {name: whole[name] for name in listed} == listed
    assert (listed["status"], listed["width"], listed["height"]) == ("submitted", 64, 48)
    assert (listed["processed_url"], listed["thumbnail_urls"], listed["tags"]) == (None, {}, [])
    assert gateway.http.get(listed["original_url"]).status_code == 200
    assert [job["job_id"] for job in whole["jobs"]] == [image_id]


def test_links_of_a_result_may_be_kept_until_there_is_another(working_house: Gateway, veiled: str) -> None:
    image = answer(working_house, f"/images/{veiled}")
    assert image["status"] == "completed"
    links = [image["processed_url"], *image["thumbnail_urls"].values()]
    assert sorted(image["thumbnail_urls"]) == ["1024", "320"]
    for link in links:
        got = working_house.http.get(link)
        assert got.headers["cache-control"] == "private, max-age=31536000, immutable"
        part = working_house.http.get(link, headers={"Range": "bytes=2-9", "If-Range": got.headers["etag"]})
        assert (part.status_code, part.content) == (206, got.content[2:10])
    original = working_house.http.get(image["original_url"], headers={"Range": "bytes=0-1"})
    assert (original.status_code, original.content) == (206, b"\xff\xd8")
    redone = working_house.http.post(f"/images/{veiled}/redo", json={"blur_style": "solid"}).json()["job_id"]
    assert working_house.ended(redone)["status"] == "completed"
    newer = answer(working_house, f"/images/{veiled}")
    assert not set(links) & {newer["processed_url"], *newer["thumbnail_urls"].values()}
    assert working_house.http.get(links[0]).headers["cache-control"] == "private, no-cache"
    assert [job["job_id"] for job in newer["jobs"]] == [veiled, redone]


def test_what_is_said_of_an_image_finds_it(working_house: Gateway, veiled: str) -> None:
    def say(**notes: Any) -> dict[str, Any]:
        got = working_house.http.patch(f"/images/{veiled}", json=notes)
        assert got.status_code == 200, got.text
        document: dict[str, Any] = got.json()
        return document

    def tagged(document: dict[str, Any]) -> list[str]:
        """By its owner: what a model takes the picture for is not this test's business."""
        return [tag["tag"] for tag in document["tags"] if tag["source"] == "tagged"]

    said = say(description="A quiet meadow.", tags=["Old Fort", "kite"])
    assert (said["description"], tagged(said)) == ("A quiet meadow.", ["Old Fort", "kite"])
    assert ids(answer(working_house, "/images", tag=["Old Fort", "kite"])) == [veiled]
    assert ids(answer(working_house, "/images", tag=["Old Fort", "none"])) == []
    for words, kind in {
        "meadow": "exact",
        "harbour 0042": "exact",
        "kites": "number",
        "quie": "prefix",
        "pasture": "synonym",
        "meadwo": "typo",
    }.items():
        found = answer(working_house, "/search", q=words)
        assert ids(found) == [veiled], words
        assert {match["kind"] for match in found["hits"][0]["matches"]} == {kind}, found
    assert ids(answer(working_house, "/search", q="meadow", tag="kite")) == [veiled]
    assert ids(answer(working_house, "/search", q="meadow", tag="none")) == []
    kept = say(description=None)
    assert (kept["description"], len(tagged(kept))) == (None, 2)
    assert ids(answer(working_house, "/search", q="meadow")) == []
    assert tagged(say(tags=None)) == []
    assert ids(answer(working_house, "/search", q="fort")) == []


def test_a_text_is_no_picture_to_a_model_that_reads_none(working_house: Gateway) -> None:
    got = working_house.http.get("/search", params={"q": "a red van", "by": "likeness"})
    assert_problem(raw(got), 422, "no_text_model")


def test_no_word_that_is_looked_for_is_logged(gateway: Gateway) -> None:
    answer(gateway, "/search", q="xylophonist")
    assert gateway.http.get("/search", params={"q": "xylophonist " * 30}).status_code == 422
    assert "xylophonist" not in gateway.log


BAD: list[tuple[str, dict[str, Any], str]] = [
    *(
        ("/images", {"limit": value}, "invalid_parameter")
        for value in ("0", "201", "-1", "x", "1e9", "9" * 5000)
    ),
    *(("/images", {"cursor": value}, "invalid_cursor") for value in ("", "x", "AAAA" * 20, "\0", "ä")),
    ("/images", {"cursor": "x" * 2000}, "invalid_parameter"),
    *(
        ("/images", {"since": value}, "invalid_parameter")
        for value in ("x", "-1", "nan", "1e300", "2026-99-01")
    ),
    ("/images", {"before": "9" * 5000}, "invalid_parameter"),
    ("/images", {"batch": "x"}, "invalid_parameter"),
    ("/images", {"tag": ["a"] * 11}, "invalid_parameter"),
    ("/images", {"tag": ""}, "invalid_parameter"),
    ("/images", {"tag": "x" * 81}, "invalid_parameter"),
    ("/images", {"vehicle": ""}, "invalid_parameter"),
    ("/images", {"filename": "x" * 300}, "invalid_parameter"),
    ("/images", {"near_duplicates": "perhaps"}, "invalid_parameter"),
    ("/search", {}, "invalid_parameter"),
    ("/search", {"q": ""}, "invalid_parameter"),
    ("/search", {"q": "x" * 201}, "invalid_parameter"),
    ("/search", {"q": " ... "}, "invalid_option"),
    ("/search", {"q": "b c d e f g h i j k l"}, "invalid_option"),
    *(("/search", {"q": "a", "k": value}, "invalid_parameter") for value in ("0", "201", "x")),
    *(("/search", {"q": "a", "min_score": value}, "invalid_parameter") for value in ("-1", "2", "nan", "x")),
    ("/search", {"q": "a", "cursor": "x"}, "invalid_cursor"),
    ("/search", {"q": "a", "by": "smell"}, "invalid_parameter"),
]


@pytest.mark.one_house
def test_parameters_that_are_none_are_refused(gateway: Gateway) -> None:
    for path, parameters, code in BAD:
        with at_once():
            got = gateway.http.get(path, params=parameters)
        assert_problem(raw(got), 422, code)


@pytest.mark.one_house
def test_a_cursor_is_good_for_its_own_list_alone(gateway: Gateway) -> None:
    uploaded(gateway, "cursor-1.jpg", "cursor-2.jpg")
    cursor = answer(gateway, "/images", filename="cursor-*", limit=1)["next"]
    for parameters in ({}, {"filename": "cursor-*", "near_duplicates": "false"}, {"filename": "cursor*"}):
        got = gateway.http.get("/images", params={"cursor": cursor, **parameters})
        assert_problem(raw(got), 422, "invalid_cursor")
    assert_problem(
        raw(gateway.http.get("/search", params={"q": "a", "cursor": cursor})), 422, "invalid_cursor"
    )


def test_odd_texts_are_only_not_found(gateway: Gateway) -> None:
    for text in (
        "\0",
        "%",
        "_",
        "'",
        '"; DROP TABLE tags',
        "\N{GRINNING FACE}",
        "a" * 200,
        "\ud7ff",
        "ﷺ",
        "*",
        "a*b",
    ):
        assert answer(gateway, "/images", tag=text[:80] or "x", filename=f"none{text}")["images"] == []
        assert gateway.http.get("/search", params={"q": f"nothing{text}"[:200]}).status_code in {200, 422}


@pytest.mark.one_house
@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"tags": 5}', b'{"description": "\\ud800"}', b'{"name": "x"}']
)
def test_notes_that_are_none_change_nothing(gateway: Gateway, body: bytes) -> None:
    (image_id,) = uploaded(gateway, "notes.jpg")
    got = gateway.http.patch(f"/images/{image_id}", content=body)
    assert got.status_code in {400, 422}
    assert answer(gateway, f"/images/{image_id}")["tags"] == []


def test_an_image_of_nobody_is_not_there(gateway: Gateway) -> None:
    for image_id in (NOBODYS, "x", "1" * 5000, "%2e%2e"):
        assert_problem(raw(gateway.http.get(f"/images/{image_id}")), 404, "image_not_found")
        patched = gateway.http.patch(f"/images/{image_id}", json={"tags": ["a"]})
        assert_problem(raw(patched), 404, "image_not_found")
