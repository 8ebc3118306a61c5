"""GET /duplicates, and what a status says of an image that looks like an earlier one."""

from typing import Any

import pytest

from tests.integration.api.keys import Headers
from tests.integration.similar.lab import Lab


def groups_in(lab: Lab, owner: Headers, **parameters: Any) -> list[tuple[str, int]]:
    answer = lab.get("/duplicates", owner, **parameters)
    assert answer.status_code == 200, answer.text
    return [(group["group_id"], group["count"]) for group in answer.json()["groups"]]


def make_group(lab: Lab, owner: Headers, size: int) -> list[str]:
    first, *others = members = [lab.add(0.9, owner) for _ in range(size)]
    lab.change(first, duplicate_group=first)
    for image_id in others:
        lab.change(image_id, near_duplicate_of=first, near_duplicate_score=0.98765432, duplicate_group=first)
    return members


def test_groups_come_in_pages_those_that_began_last_first(lab: Lab) -> None:
    pair, alone, three = (make_group(lab, lab.alice, size) for size in (2, 1, 3))
    make_group(lab, lab.bob, 2)
    assert groups_in(lab, lab.alice) == [(three[0], 3), (pair[0], 2)]
    assert groups_in(lab, lab.alice, min_size=3) == [(three[0], 3)]
    first = lab.get("/duplicates", lab.alice, limit=1).json()
    assert [group["group_id"] for group in first["groups"]] == [three[0]]
    later = make_group(lab, lab.alice, 2)
    second = lab.get("/duplicates", lab.alice, limit=1, cursor=first["next"]).json()
    assert [group["group_id"] for group in second["groups"]] == [pair[0]]
    assert second["next"] is None
    assert groups_in(lab, lab.alice)[0] == (later[0], 2)
    assert alone[0] not in str(lab.get("/duplicates", lab.alice).json())


def test_a_group_says_what_its_images_are(lab: Lab) -> None:
    first, second = make_group(lab, lab.alice, 2)
    lab.change(first, original_dropped_at_ms=1)
    (group,) = lab.get("/duplicates", lab.alice).json()["groups"]
    root, image = group.pop("images")
    assert group == {"group_id": first, "count": 2, "more": 0}
    assert (root["image_id"], root["near_duplicate_of"]) == (first, None)
    assert root["original_url"] is None, "its time was over"
    assert image["created_at"] > 0
    assert image == {
        "image_id": second,
        "filename": "a.jpg",
        "file_size": image["file_size"],
        "created_at": image["created_at"],
        "near_duplicate_of": {"image_id": first, "score": 0.987654},
        "processed_url": None,
        "thumbnail_urls": {},
        "original_url": f"/images/{second}/original",
    }


def test_of_a_large_group_the_earliest_are_shown(lab: Lab) -> None:
    members = make_group(lab, lab.alice, 53)
    (group,) = lab.get("/duplicates", lab.alice).json()["groups"]
    assert [image["image_id"] for image in group["images"]] == members[:50]
    assert (group["count"], group["more"]) == (53, 3)


@pytest.mark.parametrize(
    "asked",
    [{"min_size": 1}, {"min_size": "x"}, {"limit": 0}, {"limit": 101}, {"cursor": "c" * 1001}],
    ids=str,
)
def test_parameters_out_of_range(lab: Lab, asked: dict[str, Any]) -> None:
    answer = lab.get("/duplicates", lab.alice, **asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")


def test_a_cursor_of_another_list(lab: Lab) -> None:
    for _ in range(2):
        make_group(lab, lab.alice, 2)
    cursor = lab.get("/duplicates", lab.alice, limit=1).json()["next"]
    answer = lab.get("/duplicates", lab.alice, limit=1, min_size=3, cursor=cursor)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
