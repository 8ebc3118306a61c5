"""Who needs no key, and what is asked of them nevertheless."""

from pathlib import Path

import httpx
import pytest

from tests.integration.api.conftest import StartGateway
from tests.integration.api.gateway import Gateway, Processes
from tests.integration.api.keys import key_text, make_key, secret_of
from tests.integration.api.samples import fresh

pytestmark = pytest.mark.one_house


def upload(gateway: Gateway, **headers: str) -> httpx.Response:
    return gateway.http.post("/upload", files={"file": ("a.jpg", fresh())}, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},  # a page there can have that name lead to this machine
        {"Host": "127.0.0.1.evil.example"},
        {"X-Forwarded-For": "203.0.113.9"},  # a proxy calls for somebody who is not here
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "203.0.113.9"},
        {"X-Forwarded-Proto": "https"},
        {"Via": "1.1 proxy"},
        {"CF-Connecting-IP": "203.0.113.9"},
    ],
    ids=str,
)
def test_only_callers_on_this_machine_need_no_key(gateway: Gateway, headers: dict[str, str]) -> None:
    assert upload(gateway).status_code == 202
    before = gateway.stored()
    answer = upload(gateway, **headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert gateway.stored() == before


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "localhost:9"])
def test_this_machine_has_several_names(gateway: Gateway, host: str) -> None:
    assert upload(gateway, Host=host).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_page_elsewhere_cannot_make_a_browser_here_change_anything(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    answer = upload(gateway, **headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_pages_of_ours_can(gateway: Gateway) -> None:
    own = f"http://127.0.0.1:{gateway.port}"
    assert upload(gateway, **{"Origin": own, "Sec-Fetch-Site": "same-origin"}).status_code == 202


def test_no_page_elsewhere_is_told_that_it_may_read(gateway: Gateway) -> None:
    answer = gateway.http.get("/health", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


WRONG = [
    "Bearer vg_aaaaaaaaaaaa_bbbb",
    "Bearer",
    "Bearer x",
    "Basic YTpi",
    "vg_aaaaaaaaaaaa_bbbb",
    "Bearer a b",
]


@pytest.mark.parametrize("header", [*WRONG, "Bearer " + "a" * 9000], ids=lambda text: text[:24])
def test_who_shows_a_wrong_key_is_not_taken_for_nobody(gateway: Gateway, header: str) -> None:
    answer = upload(gateway, Authorization=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_two_keys_at_once_are_refused(gateway: Gateway) -> None:
    key = key_text(gateway, "two")
    assert upload(gateway, Authorization=f"Bearer {key}").status_code == 202
    assert upload(gateway, **{"Authorization": f"Bearer {key}", "X-API-Key": key}).status_code == 401


@pytest.mark.parametrize("name", ["key", "api_key", "token", "access_token"])
def test_a_key_in_the_address_is_not_taken_and_not_logged(gateway: Gateway, name: str) -> None:
    key = key_text(gateway, "query")
    answer = gateway.http.get("/queue-status", params={name: key})
    assert answer.status_code == 401
    assert "header" in answer.json()["detail"]
    assert secret_of(key) not in gateway.log


def test_a_key_makes_one_somebody_else(gateway: Gateway) -> None:
    job_id = gateway.accepted_job(fresh())
    assert gateway.http.get(f"/status/{job_id}").status_code == 200
    assert gateway.http.get(f"/status/{job_id}", headers=make_key(gateway, "other")).status_code == 404


def test_a_public_bind_that_nobody_may_use_does_not_start(tmp_path: Path) -> None:
    tried = Processes(tmp_path, "redis://127.0.0.1:1")
    tried.run("init_database.py")
    ended = tried.ask("api_server.py", HOST="0.0.0.0")
    assert ended.returncode == 78
    said = ended.stdout + ended.stderr
    assert "HOST=0.0.0.0" in said
    assert "keys create" in said
    assert "ALLOW_ANONYMOUS=1" in said


def test_everybody_is_let_in_where_that_was_said_aloud(start_gateway: StartGateway) -> None:
    gateway = start_gateway(ALLOW_ANONYMOUS="1", CORS_ALLOW_ORIGINS="https://shop.example")
    assert "gateway.anonymous" in gateway.log
    assert upload(gateway, **{"Host": "gw.example", "X-Forwarded-For": "203.0.113.9"}).status_code == 202
    assert upload(gateway, Origin="https://evil.example").status_code == 403
    assert upload(gateway, Origin="https://shop.example").status_code == 202
    _check_origins(gateway)


def _check_origins(gateway: Gateway) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    good = gateway.http.options("/upload", headers={"Origin": "https://shop.example", **asked})
    assert good.headers["access-control-allow-origin"] == "https://shop.example"
    assert int(good.headers["access-control-max-age"]) >= 600
    for origin in (
        "null",
        "https://evil.example",
        "https://shop.example.evil.example",
        "http://shop.example",
    ):
        answers = [
            gateway.http.options("/upload", headers={"Origin": origin, **asked}),
            gateway.http.get("/health", headers={"Origin": origin}),
        ]
        assert not any("access-control-allow-origin" in answer.headers for answer in answers), origin
    assert not any("access-control-allow-credentials" in answer.headers for answer in (good, *answers))
