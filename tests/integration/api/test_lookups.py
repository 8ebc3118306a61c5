"""What a picture shows is looked up: asked for with an upload or later, found by its words, gone with it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import picture
from tests.stubs.desks import Trouble
from tests.stubs.serving import Stubs
from tests.waiting import wait_until

SEEDS = iter(range(1_000, 2_000))


def unlike() -> bytes:
    """A picture whose veiled copy nobody has been asked about."""
    return picture(seed=next(SEEDS), size_wh=(96, 80))


@pytest.fixture(scope="module")
def stubs() -> Iterator[Stubs]:
    stubs = Stubs()
    yield stubs
    stubs.close()


@pytest.fixture(scope="module")
def _house(
    tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis, stubs: Stubs
) -> Iterator[Gateway]:
    settings: dict[str, Any] = {
        **stubs.settings(),
        "FACE_DETECTION_MODEL_PATH": "fake",
        "DECODE_CHILDREN": "1",
        # A lookup that is erased or cancelled is let go of at the next renewal.
        "JOB_LEASE_S": "2",
        "LOOKUP_LIMITS": "ebay.per_second=100,azure_vision.per_second=100,serpapi.per_second=100",
    }
    house = Gateway(tmp_path_factory.mktemp("lookups"), f"{_redis_of_gateways.url}?db=8", **settings)
    try:
        house.start_workers(search=True, lookups=True)
        yield house
    finally:
        house.close()


@pytest.fixture
def house(_house: Gateway, stubs: Stubs) -> Gateway:
    stubs.forget()
    return _house


def image(house: Gateway, image_id: str) -> dict[str, Any]:
    document: dict[str, Any] = house.http.get(f"/images/{image_id}").json()
    return document


def lookup_of(house: Gateway, image_id: str) -> dict[str, Any]:
    """The status document of the image's newest lookup, once it has ended."""
    assert house.ended(image_id)["status"] == "completed"
    lookup_id = house.status(image_id)["lookup_job_id"]
    assert lookup_id == image(house, image_id)["lookup_job_id"]
    return house.ended(lookup_id)


def test_what_an_upload_shows_is_looked_up_and_found_by_its_words(house: Gateway, stubs: Stubs) -> None:
    image_id = house.accepted_job(unlike(), lookups="true")
    lookup = lookup_of(house, image_id)
    assert (lookup["kind"], lookup["status"], lookup["image_id"]) == ("lookup", "completed", image_id)
    results = lookup["results"]
    assert results["model-producer"]["model"] == "Kestrel K2"
    assert results["producer-url"]["url"].startswith(stubs.urls["producer_site"])
    assert results["retail-price-details"]["price"] == {"amount": "129.00", "currency": "USD"}
    assert results["second-hand-offers"]
    assert results["estimated-price"]["certainty"] > 0
    assert {name: one["outcome"] for name, one in results["providers"].items()} == {
        "google_vision": "produced",
        "google_lens": "skipped",
        "ebay_image": "produced",
        "azure_vision": "produced",
        "vision_model": "produced",
        "google_shopping": "produced",
        "ebay_search": "produced",
    }
    assert image(house, image_id)["lookup"] == results
    assert {"tag": "Headphones", "source": "google_vision", "count": 1} in image(house, image_id)["tags"]
    for words in ("kestrel", "headphones on a table"):
        hits = house.http.get("/search", params={"q": words}).json()["hits"]
        assert image_id in [hit["image_id"] for hit in hits], words


def test_the_picture_that_is_sent_again_has_the_same_lookup(house: Gateway) -> None:
    sent = unlike()
    first = house.accepted_job(sent, lookups="true")
    lookup_id = lookup_of(house, first)["job_id"]
    again = house.upload(sent, lookups="true").json()
    assert (again["job_id"], again["deduplicated"]) == (first, True)
    assert house.status(first)["lookup_job_id"] == lookup_id


def test_a_lookup_is_asked_for_later_by_sending_the_picture_again_or_by_its_id(
    house: Gateway, stubs: Stubs
) -> None:
    sent = unlike()
    image_id = house.accepted_job(sent)
    house.ended(image_id)
    assert house.status(image_id)["lookup_job_id"] is None
    assert house.accepted_job(sent, lookups="true") == image_id
    first = lookup_of(house, image_id)
    asked = house.http.post(f"/images/{image_id}/lookup")
    assert asked.status_code == 202
    second = house.ended(asked.json()["job_id"])
    assert second["job_id"] != first["job_id"]
    # The picture is the same, and its owner: nobody is paid again.
    assert second["results"]["cost"] == {
        **first["results"]["cost"],
        "calls": 0,
        "cached": second["results"]["cost"]["cached"],
        "usd": 0.0,
    }
    assert stubs.desks["google_vision"].paid == 1


def test_files_of_a_batch_are_looked_up(house: Gateway) -> None:
    files = [("files", (f"{number}.jpg", unlike())) for number in range(2)]
    answer = house.http.post("/batch-upload", files=files, data={"lookups": "true"}).json()
    for accepted in answer["accepted"]:
        assert lookup_of(house, accepted["job_id"])["status"] == "completed"


@pytest.mark.parametrize("end", ["erase", "cancel"])
def test_who_is_erased_or_cancelled_is_asked_about_no_longer(house: Gateway, stubs: Stubs, end: str) -> None:
    hanging = stubs.desks["azure_vision"]
    hanging.behave(Trouble.HANGS)
    image_id = house.accepted_job(unlike(), lookups="true")
    wait_until(lambda: hanging.under_way == 1, timeout_s=20, what="the question")
    lookup_id = house.status(image_id)["lookup_job_id"]
    if end == "erase":
        assert house.http.delete(f"/images/{image_id}").status_code == 204
    else:
        assert house.http.post(f"/jobs/{lookup_id}/cancel").json()["status"] == "cancelled"
    wait_until(lambda: hanging.under_way == 0, timeout_s=10, what="the question being dropped")
    if end == "erase":
        assert house.http.get(f"/status/{lookup_id}").status_code == 404
        return
    hanging.behave()
    assert house.http.post(f"/jobs/{lookup_id}/retry").status_code == 200
    assert house.ended(lookup_id)["status"] == "completed"


def test_lookups_are_counted_apart_from_pictures(house: Gateway) -> None:
    before = house.http.get("/stats").json()
    lookup_of(house, house.accepted_job(unlike(), lookups="true"))
    after = house.http.get("/stats").json()
    for what in ("jobs", "lookups"):
        assert after[what]["completed"] - before[what]["completed"] == 1
    assert house.http.get("/queue-status").json()["lookups"]["processing"] == 0
    assert house.http.get("/health").json()["parts"]["lookups_worker"] == {"status": "ok"}
