"""The routes that go past FastAPI's machinery behave as those that do not."""

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.samples import fresh


def test_a_wrong_method_is_told_which_are_right(gateway: Gateway) -> None:
    for answer in (gateway.http.get("/upload"), gateway.http.post("/status/x")):
        assert answer.status_code == 405
        assert answer.json()["code"] == "method_not_allowed"


def test_what_stands_in_the_query_does_not_matter_to_an_upload(gateway: Gateway) -> None:
    answer = gateway.http.post("/upload?blur_style=no&x=1", files={"file": ("a.jpg", fresh())})
    assert answer.status_code == 202


@pytest.mark.parametrize("query", ["", "?wait=0", "?unknown=1"])
def test_a_query_changes_nothing_about_a_status(gateway: Gateway, query: str) -> None:
    job_id = gateway.accepted_job(fresh())
    answer = gateway.http.get(f"/status/{job_id}{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["job_id"] == job_id
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("query", ["", "?wait=0"])
def test_a_job_that_is_not_there_is_a_problem_document_either_way(gateway: Gateway, query: str) -> None:
    answer = gateway.http.get(f"/status/00000000-0000-7000-8000-000000000000{query}")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("wait", ["-1", "61", "soon", ""])
def test_a_wait_that_is_no_number_of_seconds_is_refused(gateway: Gateway, wait: str) -> None:
    answer = gateway.http.get(f"/status/x?wait={wait}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")


def test_the_docs_name_all_parameters(gateway: Gateway) -> None:
    paths = gateway.http.get("/openapi.json").json()["paths"]
    status = paths["/status/{job_id}"]["get"]
    assert [(each["name"], each["in"]) for each in status["parameters"]] == [
        ("job_id", "path"),
        ("wait", "query"),
    ]
    assert "JobStatusAnswer" in str(status["responses"]["200"])
    assert "multipart/form-data" in paths["/upload"]["post"]["requestBody"]["content"]


def test_the_log_names_the_route_and_not_the_job(gateway: Gateway) -> None:
    job_id = gateway.accepted_job(fresh())
    gateway.status(job_id)
    assert '"route": "/status/{job_id}"' in gateway.log
    assert f"/status/{job_id}" not in gateway.log
