"""`GET /shared/{token}`: a veiled copy without a key, for a while."""

from typing import Any

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh
from veilgate.persistence.unit_of_work import Database
from veilgate.services.images.shared_links import SharedLinks


def links_of(house: Gateway, *, works_s: int = 60) -> SharedLinks:
    """As the lookups worker of the house makes them."""
    address = f"http://127.0.0.1:{house.port}"
    return SharedLinks(Database(house._engine), base_url=address, signer=None, works_s=works_s)


def result_key(house: Gateway, job_id: str) -> str:
    (row,) = house.select(f"SELECT result_key FROM jobs WHERE id = '{job_id}'")  # noqa: S608
    return str(row["result_key"])


def test_it_is_handed_to_who_has_the_link(working_house: Gateway, astronaut_jpeg: bytes) -> None:
    house = working_house
    image_id = house.accepted_job(fresh(astronaut_jpeg))
    house.ended(image_id)
    address = links_of(house).make(image_id, result_key(house, image_id))
    path = address.removeprefix(f"http://127.0.0.1:{house.port}")
    thumbnail = house.http.get(f"/images/{image_id}/thumbnail", params={"size": 1024}, follow_redirects=True)
    answer = house.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content == thumbnail.content
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    head = house.http.head(path)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(answer.content)))
    token = path.rpartition("/")[2]
    assert token not in house.log, "whoever reads logs must not fetch pictures"

    unknown = house.http.get(f"/shared/{'A' * len(token)}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "link_not_found")
    over = links_of(house, works_s=-1).make(image_id, result_key(house, image_id))
    assert house.http.get(over).content == unknown.content
    assert house.http.delete(f"/images/{image_id}").status_code == 204
    assert house.http.get(path).content == unknown.content
    assert house.http.head(path).status_code == 404


@pytest.mark.one_house
def test_who_guesses_is_stopped(gateway: Gateway) -> None:
    answers: list[Any] = [gateway.http.get(f"/shared/{number:043}") for number in range(25)]
    assert [answer.status_code for answer in answers] == [404] * 20 + [429] * 5
    assert int(answers[-1].headers["retry-after"]) > 0
