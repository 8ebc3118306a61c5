"""Signing in from a browser: the cookie, the token against forged requests, and its end."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway
from tests.integration.api.keys import LockedGateway, key_text, secret_of
from tests.integration.api.samples import fresh
from tests.waiting import wait_until
from veilgate.domain.access import Scope

COOKIE = "veilgate_session"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis) -> Iterator[Gateway]:
    """A gateway that asks everybody who they are."""
    gateway = LockedGateway(
        tmp_path_factory.mktemp("sessions"), f"{_redis_of_gateways.url}?db=8", TRUSTED_PROXIES="127.0.0.1"
    )
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def key(locked: Gateway) -> str:
    return key_text(locked, "alice")


@pytest.fixture
def browser(locked: Gateway) -> Iterator[httpx.Client]:
    """Keeps cookies, as a browser does."""
    with httpx.Client(base_url=locked.http.base_url, timeout=30, trust_env=False) as client:
        yield client


def sign_in(browser: httpx.Client, key: str) -> dict[str, str]:
    """The header that changes need."""
    answer = browser.post("/session", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 201, answer.text
    document = answer.json()
    return {document["csrf_header"]: document["csrf_token"]}


def upload(browser: httpx.Client, **headers: str) -> httpx.Response:
    return browser.post("/upload", files={"file": ("a.jpg", fresh())}, headers=headers)


def test_a_key_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(
    browser: httpx.Client, key: str
) -> None:
    answer = browser.post("/session", headers={"X-API-Key": key})
    cookie = answer.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/", "expires="):
        assert attribute.lower() in cookie.lower()
    assert "secure" not in cookie.lower(), "over plain HTTP a browser would not send it back"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["owner"] == "alice"
    assert secret_of(key) not in cookie


def test_over_https_the_cookie_stays_there(browser: httpx.Client, key: str) -> None:
    answer = browser.post("/session", headers={"X-API-Key": key, "X-Forwarded-Proto": "https"})
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_page_sees_its_pictures_and_events_without_showing_a_key(browser: httpx.Client, key: str) -> None:
    token = sign_in(browser, key)
    job_id = upload(browser, **token).json()["job_id"]
    assert browser.get(f"/images/{job_id}/original").status_code == 200
    assert browser.post(f"/jobs/{job_id}/cancel", headers=token).status_code == 200
    events = browser.get(f"/jobs/{job_id}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    assert '"outcome": "cancelled"' in events.text


def test_a_page_loaded_anew_gets_its_token_again(browser: httpx.Client, key: str) -> None:
    token = sign_in(browser, key)
    document = browser.get("/session").json()
    assert {document["csrf_header"]: document["csrf_token"]} == token


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_its_token_a_session_changes_nothing(
    locked: Gateway, browser: httpx.Client, key: str, token: str
) -> None:
    sign_in(browser, key)
    before = locked.rows()
    answer = upload(browser, **({"X-CSRF-Token": token} if token else {}))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert locked.rows() == before


def test_the_token_of_another_session_does_not_do(browser: httpx.Client, locked: Gateway, key: str) -> None:
    with httpx.Client(base_url=locked.http.base_url, trust_env=False) as other:
        foreign = sign_in(other, key)
    sign_in(browser, key)
    assert upload(browser, **foreign).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=str,
)
def test_pages_of_other_sites_get_nowhere(browser: httpx.Client, key: str, headers: dict[str, str]) -> None:
    assert browser.post("/session", headers={"X-API-Key": key, **headers}).status_code == 403
    token = sign_in(browser, key)
    assert upload(browser, **token, **headers).status_code == 403


def test_after_signing_out_the_cookie_is_worth_nothing(browser: httpx.Client, key: str) -> None:
    token = sign_in(browser, key)
    cookie = browser.cookies[COOKIE]
    assert browser.delete("/session", headers=token).status_code == 204
    assert COOKIE not in browser.cookies
    answer = browser.get("/session", headers={"Cookie": f"{COOKIE}={cookie}"})
    assert answer.status_code == 401
    assert "max-age=0" in answer.headers["set-cookie"].lower(), "and the browser is told to forget it"


@pytest.mark.parametrize("shown", ["", "vgs_aaaaaaaaaaaa_bbbb", "vg_aaaaaaaaaaaa_bbbb", "x.y.z"])
def test_only_a_good_key_opens_a_session(browser: httpx.Client, shown: str) -> None:
    answer = browser.post("/session", headers={"Authorization": f"Bearer {shown}"} if shown else {})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert "set-cookie" not in answer.headers


def test_a_session_cannot_open_another(browser: httpx.Client, key: str) -> None:
    sign_in(browser, key)
    cookie = browser.cookies[COOKIE]
    browser.cookies.clear()
    assert browser.post("/session", headers={"Authorization": f"Bearer {cookie}"}).status_code == 401


def test_a_session_ends_with_its_key(locked: Gateway, browser: httpx.Client) -> None:
    key = key_text(locked, "carol", Scope.READ)
    sign_in(browser, key)
    assert browser.get("/session").json()["scopes"] == ["read"]
    locked.processes.run("-m", "veilgate", "keys", "revoke", key.split("_")[1])
    wait_until(
        lambda: browser.get("/session").status_code == 401, timeout_s=10, what="the end of the session"
    )


def test_with_the_session_ends_what_it_watches(locked: Gateway, browser: httpx.Client, key: str) -> None:
    token = sign_in(browser, key)
    job_id = upload(browser, **token).json()["job_id"]
    with ThreadPoolExecutor(1) as pool, browser.stream("GET", f"/jobs/{job_id}/events") as events:
        watching = pool.submit(lambda: list(events.iter_lines()))
        cookie = browser.cookies[COOKIE]
        browser.delete("/session", headers=token)
        assert "submitted" in "".join(watching.result(timeout=10))
        waiting = locked.http.get(f"/status/{job_id}?wait=20", headers={"Cookie": f"{COOKIE}={cookie}"})
        assert waiting.status_code == 401


def test_a_revoked_key_ends_its_long_polls(locked: Gateway) -> None:
    key = key_text(locked, "alice", Scope.READ, Scope.UPLOAD)
    shown = {"X-API-Key": key}
    sent = locked.http.post("/upload", files={"file": ("a.jpg", fresh())}, headers=shown)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(locked.http.get, f"/status/{sent.json()['job_id']}?wait=30", headers=shown)
        locked.processes.run("-m", "veilgate", "keys", "revoke", key.split("_")[1])
        assert waiting.result(timeout=20).status_code == 401


def test_a_mistyped_key_beside_it_does_not_end_a_session(browser: httpx.Client, key: str) -> None:
    sign_in(browser, key)
    answer = browser.get("/session", headers={"X-API-Key": "mistyped"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert browser.get("/session").status_code == 200


def test_where_nobody_needs_a_key_a_foreign_cookie_does_no_harm(gateway: Gateway) -> None:
    """Cookies ignore ports: that of a house beside this one comes along."""
    foreign = {"Cookie": f"{COOKIE}=vgs_aaaaaaaaaaaa_" + "b" * 43}
    answer = gateway.http.get("/session", headers=foreign)
    assert (answer.status_code, answer.json()["owner"]) == (200, "anonymous")
    assert "set-cookie" not in answer.headers


def test_both_are_written_down(locked: Gateway, browser: httpx.Client, key: str) -> None:
    before = locked.select("SELECT count(*) AS n FROM audit_log")[0]["n"]
    browser.delete("/session", headers=sign_in(browser, key))
    rows = locked.select("SELECT action, actor, client FROM audit_log ORDER BY at_ms, id")[before:]
    assert [row["action"] for row in rows] == ["session.opened", "session.closed"]
    assert {row["client"] for row in rows} == {"127.0.0.1"}
    assert {row["actor"] for row in rows} == {f"key:{key.split('_')[1]}"}
