"""Google Cloud Vision: what it is asked, what is made of its answers, and what its errors stand for."""

import base64
import json
from typing import Any

import pytest

from tests.unit.lookups.providers.recorded import VISION
from tests.unit.lookups.providers.scripted_asks import ASKED, BYTES, PICTURE, ScriptedAsks, run, said
from veilgate.domain.lookups import Finding, PageMatch
from veilgate.domain.provider_errors import (
    KeyRefused,
    LookupFailed,
    OutOfCredit,
    ProviderBroken,
    ProviderDown,
    ProviderThrottled,
    QuestionRefused,
)
from veilgate.lookups.providers.google_vision import GoogleVision
from veilgate.lookups.questions import Reply

KEY = "AIza-secret"


def ask(reply: Reply) -> tuple[Finding, ScriptedAsks]:
    asks = ScriptedAsks(reply)
    provider = GoogleVision(asks, url="https://vision.example/", key=KEY)
    return run(provider.ask(PICTURE, None, asked=ASKED)).finding, asks


def test_the_bytes_are_sent_and_the_key_is_in_a_header() -> None:
    _, asks = ask(said(VISION))
    (question,) = asks.questions
    assert question.url == "https://vision.example/v1/images:annotate"
    assert question.headers["X-goog-api-key"] == KEY
    assert KEY not in question.url + question.parameters + str(question.query) + repr(question)
    (wanted,) = json.loads(question.body or b"")["requests"]
    assert base64.b64decode(wanted["image"]["content"]) == BYTES
    assert {feature["type"] for feature in wanted["features"]} == {
        "WEB_DETECTION",
        "LABEL_DETECTION",
        "LOGO_DETECTION",
    }
    assert question.sent_sha256 == PICTURE.sha256


def test_what_it_finds() -> None:
    finding, _ = ask(said(VISION))
    assert [(label.text, label.score) for label in finding.labels] == [
        ("Headphones", 0.97),
        ("Gadget", None),
        ("Acme Kestrel K2", None),
        ("Headset", None),
    ]
    scores = {name.text: name.score for name in finding.names}
    assert scores == {"acme kestrel k2": 0.5, "Acme Kestrel K2": 0.6, "Headset": 0.54, "Acme": 0.32}
    assert [(page.url, page.title, page.match) for page in finding.pages] == [
        ("https://acme.example/k2", "Acme Kestrel K2 & more | Acme", PageMatch.FULL),
        ("https://shop.example/k2", "", PageMatch.PARTIAL),
    ]
    assert next(name.make for name in finding.names if name.text == "Acme") == "Acme"


@pytest.mark.parametrize("answer", [{}, {"webDetection": {}}])
def test_nothing_found_is_an_answer(answer: dict[str, Any]) -> None:
    finding, _ = ask(said({"responses": [answer]}))
    assert finding == Finding("google_vision")


def error(code: int, status: str, message: str = "No.", **detail: Any) -> Reply:
    return said({"error": {"code": code, "status": status, "message": message, "details": [detail]}}, code)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (said({"responses": [{"error": {"code": 3, "message": "Bad image data."}}]}), QuestionRefused),
        (said({"responses": [{"error": {"code": 8}}]}), ProviderThrottled),
        (said({"responses": [{"error": {"code": "14"}}]}), ProviderDown),
        (said({"responses": [{"error": {"code": 7}}]}), QuestionRefused),
        (said({"responses": [{"error": {"code": {}}}]}), ProviderBroken),
        (said({"responses": []}), ProviderBroken),
        (said(None, text="<html>"), ProviderBroken),
        (said([], 200), ProviderBroken),
        (said(None, 413, text="<html>"), QuestionRefused),
        (said(None, 503, text="<html>"), ProviderDown),
        (error(400, "INVALID_ARGUMENT"), QuestionRefused),
        (error(400, "INVALID_ARGUMENT", reason="API_KEY_INVALID"), KeyRefused),
        (error(400, "INVALID_ARGUMENT", "API key not valid."), KeyRefused),
        (error(403, "PERMISSION_DENIED", reason="SERVICE_DISABLED"), KeyRefused),
        (error(403, "PERMISSION_DENIED", reason="CONSUMER_INVALID"), KeyRefused),
        (said(None, 403, text="<html>No access without a permission."), QuestionRefused),
        (error(429, "RESOURCE_EXHAUSTED", "limit 'Requests per minute'"), ProviderThrottled),
        (error(429, "RESOURCE_EXHAUSTED", "limit 'Queries per day' of service"), OutOfCredit),
        (error(429, "RESOURCE_EXHAUSTED", metadata={"quota_limit": "RequestsPerDayPerProject"}), OutOfCredit),
        (error(500, "INTERNAL"), ProviderDown),
    ],
)
def test_its_errors(reply: Reply, expected: type[LookupFailed]) -> None:
    with pytest.raises(LookupFailed) as failure:
        ask(reply)
    assert type(failure.value) is expected
    assert failure.value.bill.calls == 1
    assert "No." not in failure.value.message
