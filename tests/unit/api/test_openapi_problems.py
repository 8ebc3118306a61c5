"""What the description of the API says of refusals."""

from typing import Any

import pytest
from fastapi import FastAPI

from veilgate.api.openapi_problems import describe_problems
from veilgate.api.problems import MEDIA_TYPE


@pytest.fixture
def described() -> dict[str, Any]:
    app = FastAPI()

    @app.get("/things/{number}", openapi_extra={"security": [{"key": []}]})
    def thing(number: int) -> None: ...

    @app.post("/things", openapi_extra={"requestBody": {"content": {}}})
    def add() -> None: ...

    return describe_problems(app.openapi())


def test_refusals_are_problem_documents(described: dict[str, Any]) -> None:
    responses = described["paths"]["/things/{number}"]["get"]["responses"]
    assert list(responses["200"]["content"]) == ["application/json"]
    assert set(responses) == {"200", "401", "403", "422", "429", "431", "503"}
    for status in set(responses) - {"200"}:
        assert list(responses[status]["content"]) == [MEDIA_TYPE]


def test_what_takes_a_body_may_refuse_it(described: dict[str, Any]) -> None:
    responses = described["paths"]["/things"]["post"]["responses"]
    assert set(responses) == {"200", "400", "408", "413", "415", "431"}


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    assert set(described["components"]["schemas"]) == {"Problem"}


def test_twice_is_the_same(described: dict[str, Any]) -> None:
    before = repr(described)
    assert repr(describe_problems(described)) == before
