"""Azure Image Analysis: bytes as they are, captions only where it has them."""

from typing import Any

import pytest

from tests.unit.lookups.providers.recorded import AZURE
from tests.unit.lookups.providers.scripted_asks import ASKED, BYTES, PICTURE, ScriptedAsks, run, said
from veilgate.domain.lookups import Label
from veilgate.domain.provider_errors import (
    KeyRefused,
    LookupFailed,
    OutOfCredit,
    ProviderBroken,
    ProviderDown,
    ProviderThrottled,
    QuestionRefused,
)
from veilgate.lookups.ports import Answered
from veilgate.lookups.providers.azure_vision import AzureVision
from veilgate.lookups.questions import Reply


def ask(asks: ScriptedAsks) -> Answered:
    provider = AzureVision(asks, endpoint="https://acme.example/", key="azure-secret")
    return run(provider.ask(PICTURE, None, asked=ASKED))


def test_what_it_is_asked_and_what_it_finds() -> None:
    asks = ScriptedAsks(said(AZURE))
    finding = ask(asks).finding
    (question,) = asks.questions
    assert question.url == "https://acme.example/computervision/imageanalysis:analyze"
    assert question.query["api-version"] == "2023-10-01"
    assert question.query["features"] == "caption,tags"
    assert question.headers["Content-Type"] == "application/octet-stream"
    assert (question.body, question.units) == (BYTES, 2)
    assert "azure-secret" not in repr(question)
    assert finding.caption == "a pair of black headphones on a table"
    assert finding.labels == (Label("headphones", 0.98), Label("gadget", 0.91))


def failed(status: int, code: Any, message: str = "No.", **headers: str) -> Reply:
    return said({"error": {"code": code, "message": message}}, status, **headers)


def test_where_there_are_no_captions_tags_are_asked_for() -> None:
    asks = ScriptedAsks(failed(400, "InvalidRequest"), said({"tagsResult": AZURE["tagsResult"]}))
    answered = ask(asks)
    assert [(question.query["features"], question.units) for question in asks.questions] == [
        ("caption,tags", 2),
        ("tags", 1),
    ]
    assert len({question.parameters for question in asks.questions}) == 1, "both answer the same question"
    assert answered.finding.caption is None
    assert answered.finding.labels
    assert answered.bill.calls == 2


@pytest.mark.parametrize(
    ("reply", "expected", "calls"),
    [
        (failed(400, "InvalidImageSize"), QuestionRefused, 2),
        (failed(401, "401"), KeyRefused, 1),
        (failed(403, 403, "Out of call volume quota. Quota will be replenished in 10 days."), OutOfCredit, 1),
        (failed(403, "403", "Access denied"), KeyRefused, 1),
        (failed(415, "UnsupportedMediaType"), QuestionRefused, 1),
        (failed(500, "InternalServerError"), ProviderDown, 1),
        (said(None, text="<html>"), ProviderBroken, 1),
        (said({"modelVersion": "2023-10-01"}), ProviderBroken, 1),
    ],
)
def test_its_errors(reply: Reply, expected: type[LookupFailed], calls: int) -> None:
    with pytest.raises(LookupFailed) as failure:
        ask(ScriptedAsks(reply))
    assert type(failure.value) is expected
    assert failure.value.bill.calls == calls


def test_how_long_to_wait_may_be_said_in_words() -> None:
    words = "Requests have exceeded call rate limit. Please retry after 26 seconds."
    with pytest.raises(ProviderThrottled) as failure:
        ask(ScriptedAsks(failed(429, "429", words)))
    assert failure.value.retry_after_s == 26
