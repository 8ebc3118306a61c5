"""Webhooks by HTTP: made, looked at, changed and refused. What is sent is in tests/integration/webhooks."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.api.gateway import Gateway
from veilgate.domain.webhooks import DEFAULT_EVENTS

URL = "https://receiver.example/hook?key=1"


@pytest.fixture(autouse=True)
def _tidy(gateway: Gateway) -> Iterator[None]:
    yield
    for one in gateway.http.get("/webhooks").json()["webhooks"]:
        assert gateway.http.delete(f"/webhooks/{one['webhook_id']}").status_code == 204


def made(gateway: Gateway, **members: Any) -> dict[str, Any]:
    answer = gateway.http.post("/webhooks", json={"url": URL, **members})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    document: dict[str, Any] = answer.json()
    return document


def is_refused(answer: httpx.Response, status: int, code: str) -> bool:
    return (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_secret_is_shown_once(gateway: Gateway) -> None:
    first = made(gateway)
    assert first["events"] == list(DEFAULT_EVENTS)
    secret = first.pop("secret")
    path = f"/webhooks/{first['webhook_id']}"
    assert gateway.http.get(path).json() == first
    assert gateway.http.get("/webhooks").json() == {"webhooks": [first]}
    rotated = gateway.http.post(f"{path}/rotate").json()
    assert rotated["secret"] != secret
    assert rotated["previous_secret_until"] >= first["created_at"] + 86_400
    assert "secret" not in gateway.http.get(path).json()
    assert secret not in gateway.log
    written = "SELECT action, actor, client FROM audit_log WHERE subject = 'webhook:{}' ORDER BY at_ms, id"
    entries = gateway.select(written.format(first["webhook_id"]))
    assert [entry["action"] for entry in entries] == ["webhook.created", "webhook.rotated"]
    assert {(entry["actor"], entry["client"]) for entry in entries} == {("anonymous", "127.0.0.1")}


def test_changing_one(gateway: Gateway) -> None:
    path = f"/webhooks/{made(gateway)['webhook_id']}"
    changed = gateway.http.patch(
        path, json={"url": "http://other.example", "events": ["stage.ended", "job.failed"]}
    ).json()
    assert changed["url"] == "http://other.example/"
    assert changed["events"] == ["job.failed", "stage.ended"]
    off = gateway.http.patch(path, json={"enabled": False}).json()
    assert (off["enabled"], off["disabled_reason"]) == (False, "Switched off by its owner.")
    assert is_refused(gateway.http.post(f"{path}/test"), 409, "illegal_transition")
    assert gateway.http.patch(path, json={"enabled": True}).json()["enabled"]


def test_the_log_in_pages(gateway: Gateway) -> None:
    path = f"/webhooks/{made(gateway)['webhook_id']}"
    sent = [gateway.http.post(f"{path}/test").json()["delivery_id"] for _ in range(5)]
    seen, cursor = list[str](), None
    while True:
        page = gateway.http.get(
            f"{path}/deliveries", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
        )
        document = page.json()
        seen += [one["delivery_id"] for one in document["deliveries"]]
        cursor = document["next"]
        if cursor is None:
            break
    assert seen == sent[::-1]
    last = document["deliveries"][0]
    assert (last["event"], last["status"], last["attempts"]) == ("webhook.test", "pending", 0)
    assert gateway.http.post(f"{path}/deliveries/{sent[0]}/retry").status_code == 202
    other = f"/webhooks/{made(gateway)['webhook_id']}/deliveries/{sent[0]}/retry"
    assert is_refused(gateway.http.post(other), 404, "delivery_not_found")
    assert is_refused(gateway.http.get(f"{path}/deliveries", params={"cursor": "bm8"}), 422, "invalid_cursor")


@pytest.mark.one_house
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/upload",
        "http://[::1]/",
        "http://2130706433/",
        "http://169.254.169.254/latest",
        "https://user:password@receiver.example/",
        "https://receiver.example:6379/",
        "ftp://receiver.example/",
        "https://receiver.example/\r\nX: 1",
        "https://receiver.example/" + "a" * 3000,
    ],
)
def test_addresses_that_nothing_is_sent_to(gateway: Gateway, url: str) -> None:
    assert is_refused(gateway.http.post("/webhooks", json={"url": url}), 422, "url_forbidden")
    path = f"/webhooks/{made(gateway)['webhook_id']}"
    assert is_refused(gateway.http.patch(path, json={"url": url}), 422, "url_forbidden")


@pytest.mark.one_house
@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "invalid_option"),
        ({"url": 7}, "invalid_option"),
        ({"url": None}, "invalid_option"),
        ({"url": URL, "events": []}, "invalid_option"),
        ({"url": URL, "events": ["webhook.test"]}, "invalid_option"),
        ({"url": URL, "events": [["job.failed"]]}, "invalid_option"),
        ({"url": URL, "enabled": "yes"}, "invalid_option"),
        ({"url": URL, "secret": "mine"}, "unknown_field"),
    ],
)
def test_what_is_no_webhook(gateway: Gateway, given: dict[str, Any], code: str) -> None:
    assert is_refused(gateway.http.post("/webhooks", json=given), 422, code)


def test_twenty_and_no_more(gateway: Gateway) -> None:
    for _ in range(20):
        made(gateway)
    assert is_refused(gateway.http.post("/webhooks", json={"url": URL}), 422, "too_many_webhooks")
    assert len(gateway.http.get("/webhooks").json()["webhooks"]) == 20
