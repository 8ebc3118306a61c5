"""Addresses that name nothing: 404 as a problem, whatever they are made of."""

from urllib.parse import quote

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh
from veilgate.domain.ids import new_id

pytestmark = pytest.mark.one_house

ROUTES = [
    ("GET", "/status/{}", "job_not_found"),
    ("GET", "/jobs/{}/events", "job_not_found"),
    ("POST", "/jobs/{}/cancel", "job_not_found"),
    ("POST", "/jobs/{}/retry", "job_not_found"),
    ("GET", "/batches/{}", "batch_not_found"),
    ("GET", "/images/{}/processed", "image_not_found"),
    ("GET", "/images/{}/thumbnail", "image_not_found"),
    ("GET", "/images/{}/original", "image_not_found"),
]
NO_IDS = [
    "' OR 1=1",
    "x" * 8192,
    "rq:job:x",
    "\0",
    "%",
    "...",
    "😀",
    "1",
    "00000000-0000-0000-0000-00000000000g",
]


@pytest.mark.parametrize(("method", "route", "code"), ROUTES)
def test_an_id_of_nothing(gateway: Gateway, method: str, route: str, code: str) -> None:
    known = gateway.accepted_job(fresh())
    for no_id in (*NO_IDS, new_id(), known.upper(), f"{known} ", known.replace("-", "")):
        answer = gateway.http.request(method, route.format(quote(no_id, safe="")))
        assert (answer.status_code, answer.json()["code"]) == (404, code), no_id
        assert answer.headers["content-type"] == "application/problem+json"
        assert no_id not in answer.text or no_id in {"%", "1", "..."}


@pytest.mark.parametrize(("method", "route", "code"), ROUTES)
@pytest.mark.parametrize("part", ["../", "..%2f..%2fetc%2fpasswd", "a/b", ""])
def test_an_id_with_slashes_is_another_address(
    gateway: Gateway, method: str, route: str, code: str, part: str
) -> None:
    answer = gateway.http.request(method, route.format(part.replace("..", "%2e%2e")))
    assert answer.status_code == 404
    assert answer.json()["code"] in {"not_found", code}


@pytest.mark.parametrize(("method", "path"), [("GET", "/upload"), ("DELETE", "/stats"), ("POST", "/ready")])
def test_another_method_is_told_which_are_allowed(gateway: Gateway, method: str, path: str) -> None:
    answer = gateway.http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"]


@pytest.mark.parametrize("wait", ["-1", "NaN", "1e9", "61", "x", "inf", ""])
def test_a_wait_that_is_none_is_refused(gateway: Gateway, wait: str) -> None:
    job_id = gateway.accepted_job(fresh())
    answer = gateway.http.get(f"/status/{job_id}", params={"wait": wait})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    assert "wait" in answer.json()["detail"]


@pytest.mark.parametrize("size", ["0", "-1", "5000", "big", "1e400"])
def test_a_thumbnail_size_that_is_none_is_refused(gateway: Gateway, size: str) -> None:
    answer = gateway.http.get(f"/images/{new_id()}/thumbnail", params={"size": size})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
