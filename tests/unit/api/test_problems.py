"""What time may cure says when, in header and body, and nothing else does."""

import json
from typing import Any

import pytest
from fastapi.responses import JSONResponse

from tests.architecture.test_errors_mapped import leaves
from veilgate.api.problems import problem, problem_of, status_of
from veilgate.domain.errors import QueueFull, RateLimited, Unavailable, VeilgateError

LATER = {429, 503, 507}


def body_of(answer: JSONResponse) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bytes(answer.body))
    return found


@pytest.mark.parametrize("kind", leaves(VeilgateError), ids=lambda kind: kind.__name__)
def test_retry_after_is_said_where_another_try_may_help(kind: type[VeilgateError]) -> None:
    answer = problem_of(kind())
    said = answer.headers.get("retry-after")
    assert (said is not None) == (status_of(kind()) in LATER) == issubclass(kind, Unavailable | RateLimited)
    if said is not None:
        assert int(said) == body_of(answer)["retry_after"] == kind().retry_after_s


def test_an_error_says_itself_how_long() -> None:
    answer = problem_of(QueueFull("Full.", retry_after_s=37))
    assert answer.headers["retry-after"] == "37"
    assert body_of(answer)["retry_after"] == 37
    assert body_of(answer)["detail"] == "Full."


@pytest.mark.parametrize("status", sorted(LATER))
def test_no_refusal_for_now_goes_without(status: int) -> None:
    assert int(problem(status, "some_code", "Some detail.").headers["retry-after"]) > 0


def test_what_stays_refused_does_not_ask_for_another_try() -> None:
    answer = problem(422, "some_code", "Some detail.")
    assert "retry-after" not in answer.headers
    assert "retry_after" not in body_of(answer)
