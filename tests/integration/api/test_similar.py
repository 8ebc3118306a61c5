"""Similar pictures from end to end: uploaded, veiled, embedded, indexed, found, and told in a status."""

import io
from typing import Any

import numpy as np
from PIL import Image

from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import png_of_size
from tests.waiting import wait_until

# From `completed` on, in seconds; more for a loaded machine.
FINDABLE_WITHIN_S = 10


def scene(seed: int, *, quality: int = 90) -> bytes:
    """Coloured blotches, other ones for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    spool = io.BytesIO()
    Image.fromarray(pixels).resize((320, 240), Image.Resampling.BICUBIC).save(spool, "JPEG", quality=quality)
    return spool.getvalue()


def test_what_was_uploaded_is_found_again(working_house: Gateway) -> None:
    house = working_house
    # One after the other: of two that are alike the one that ends later is the near-duplicate.
    made = []
    for picture in (scene(60), scene(61), scene(60, quality=40)):
        made.append(house.accepted_job(picture))
        assert house.ended(made[-1])["status"] == "completed"
    first, _, near = made

    def similar() -> list[dict[str, Any]] | None:
        answer = house.http.get(f"/images/{first}/similar", params={"k": 2})
        hits = answer.json().get("hits", [])
        return hits if answer.status_code == 200 and near in str(hits) else None

    likest = wait_until(similar, timeout_s=FINDABLE_WITHIN_S, what="the picture in the index")[0]
    assert likest["image_id"] == near
    assert likest["score"] > 0.9
    assert house.http.get(likest["processed_url"]).status_code == 200

    def near_duplicate() -> dict[str, Any] | None:
        found: dict[str, Any] | None = house.status(near)["results"]["near_duplicate_of"]
        return found

    duplicate = wait_until(near_duplicate, timeout_s=FINDABLE_WITHIN_S, what="the near-duplicate")
    assert duplicate == {"image_id": first, "score": likest["score"]}
    assert house.status(first)["results"]["near_duplicate_of"] is None
    groups = house.http.get("/duplicates").json()["groups"]
    (group,) = [group for group in groups if group["group_id"] == first]
    assert [image["image_id"] for image in group["images"]] == [first, near]

    before = house.stored()
    asked = house.http.post("/search", files={"file": ("q.jpg", scene(60, quality=60))}, data={"k": "2"})
    assert {hit["image_id"] for hit in asked.json()["hits"]} == {first, near}
    without_pixels = house.http.post("/search", files={"file": ("q.png", png_of_size(64, 64))})
    assert (without_pixels.status_code, without_pixels.json()["code"]) == (422, "undecodable")
    assert house.stored() == before
