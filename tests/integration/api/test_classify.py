"""POST /classify: every line to everybody who asks, as it is found out, and each thing done once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway
from tests.integration.api.hostile_pictures import UNDECODABLE
from tests.integration.api.lines_of_classify import Line, LookupByHand, all_lines, classified
from tests.integration.api.samples import GOOD, fresh
from tests.waiting import wait_until

COST = {"calls": 1, "cached": 0, "usd": 0.015}
CAPTION: dict[str, Any] = {"provider": "google_lens", "caption": "a black pair of headphones", "cost": COST}
PRODUCT: dict[str, Any] = {"make": "Acme", "model": "K2", "name": "Acme K2", "confidence": 0.8, "because": []}

LookUp = Callable[[str], LookupByHand]


@pytest.fixture
def look_up(working_house: Gateway, _redis_of_gateways: RunningRedis) -> LookUp:
    """Takes on the lookup of an image."""
    return lambda image_id: LookupByHand(working_house, image_id, _redis_of_gateways)


def types(lines: list[Line]) -> list[str]:
    return [data_type for data_type, _ in lines]


def jobs_of(house: Gateway, image_id: str) -> list[str]:
    rows = house.select(f"SELECT kind FROM jobs WHERE image_id = '{image_id}' ORDER BY kind")  # noqa: S608
    return [row["kind"] for row in rows]


def test_everybody_hears_every_line_and_nothing_is_done_twice(
    working_house: Gateway, look_up: LookUp
) -> None:
    picture = fresh()
    with classified(working_house, picture) as (answer, lines):
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert answer.headers["x-accel-buffering"] == "no"
        _, accepted = next(lines)
    # Who asked first is away: that cancels nothing.
    assert accepted["status_url"] == f"/status/{accepted['job_id']}"
    assert not accepted["deduplicated"]
    with ThreadPoolExecutor(2) as callers:
        streams = [callers.submit(all_lines, working_house, picture) for _ in range(2)]
        lookup = look_up(accepted["image_id"])
        lookup.say("google_lens", **CAPTION)
        lookup.say("azure_vision", "failed", error={"code": "provider_down", "message": "Away."}, cost=COST)
        lookup.say("identify_product", **PRODUCT)
        lookup.complete()
        heard = [stream.result(timeout=30) for stream in streams]
    began_s = time.monotonic()
    heard.append(all_lines(working_house, picture))
    assert time.monotonic() - began_s < 1, "what is known is said at once"
    assert jobs_of(working_house, accepted["image_id"]) == ["lookup", "veil"]
    assert heard[0] == heard[1] == heard[2]
    assert heard[0][0] == ("accepted", {**accepted, "deduplicated": True})
    assert_complete(heard[0], accepted, lookup.job_id)


def assert_complete(lines: list[Line], accepted: dict[str, Any], lookup_job_id: str) -> None:
    found = dict(lines)
    assert types(lines)[0] == "accepted"
    assert types(lines)[-4:] == ["findings", "failed", "model-producer", "done"]
    assert set(types(lines)[1:-4]) == {"faces", "vehicles", "veiled"}
    assert found["findings"] == CAPTION
    assert found["failed"] == {"stage": "azure_vision", "code": "provider_down", "message": "Away."}
    assert found["model-producer"] == PRODUCT
    done = found["done"]
    assert (done["status"], done["job_id"], done["lookup_job_id"]) == (
        "completed",
        accepted["job_id"],
        lookup_job_id,
    )
    assert sum(done["counts"].values()) == len(lines) - 2
    assert done["cost"] == {"calls": 2, "cached": 0, "usd": 0.03}


def test_lines_come_while_the_rest_is_still_looked_for(working_house: Gateway, look_up: LookUp) -> None:
    with classified(working_house, fresh()) as (_, lines):
        first = next(lines)
        seen = [first]
        while seen[-1][0] != "veiled":
            seen.append(next(lines))
        copy = working_house.http.get(seen[-1][1]["processed_url"])
        assert copy.status_code == 200, "whoever hears of it can fetch it"
        lookup = look_up(first[1]["image_id"])
        for stage, data_type in (("google_lens", "findings"), ("estimate_price", "estimated-price")):
            lookup.say(stage, provider=stage)
            assert next(lines) == (data_type, {"provider": stage})
        lookup.complete()
        assert types(list(lines)) == ["done"]


def test_a_picture_that_cannot_be_processed_ends_in_a_failure(working_house: Gateway) -> None:
    lines = all_lines(working_house, fresh(UNDECODABLE["jpeg of half its pixels"]()))
    assert types(lines)[-2:] == ["failed", "done"]
    failed, done = lines[-2][1], lines[-1][1]
    assert (failed["stage"], failed["kind"], failed["code"]) == ("job", "veil", "undecodable")
    assert failed["job_id"] == lines[0][1]["job_id"]
    assert (done["status"], done["veil_status"]) == ("failed", "failed")
    assert (done["lookup_status"], done["lookup_job_id"]) == (None, None)


@pytest.mark.one_house
@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"files": {"file": ("a.jpg", b"no picture")}}, 415, "not_an_image"),
        ({"files": {"file": ("a.jpg", b"")}}, 422, "empty_file"),
        ({"files": {"file": ("a.jpg", GOOD)}, "data": {"colour": "red"}}, 422, "unknown_field"),
        ({"files": {"file": ("a.jpg", GOOD)}, "data": {"blur_style": "none"}}, 422, "invalid_option"),
        ({"files": {"other": ("a.jpg", GOOD)}}, 422, "missing_file"),
    ],
)
def test_what_is_refused_is_refused_as_everywhere(
    gateway: Gateway, unchanged: None, form: dict[str, Any], status: int, code: str
) -> None:
    answer = gateway.http.post("/classify", **form)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_same_key_is_the_same_question(gateway: Gateway) -> None:
    picture, key = fresh(), {"Idempotency-Key": "classify-once"}
    with classified(gateway, picture, **key) as (_, lines):
        _, first = next(lines)
    with classified(gateway, picture, **key) as (_, lines):
        assert next(lines) == ("accepted", first)
    with classified(gateway, fresh(), **key) as (answer, _):
        assert answer.status_code == 409
    assert jobs_of(gateway, first["image_id"]) == ["veil"]


def test_an_erased_picture_ends_the_stream_without_a_last_word(gateway: Gateway) -> None:
    with classified(gateway, fresh()) as (_, lines):
        _, accepted = next(lines)
        assert gateway.http.delete(f"/images/{accepted['image_id']}").status_code == 204
        assert list(lines) == []
    wait_until(
        lambda: gateway.http.get(accepted["status_url"]).status_code == 404, timeout_s=5, what="it is gone"
    )
