"""A walk over every route: without a key, with a key that is not good for it, and as somebody else."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.fixtures.object_server import S3Server
from tests.fixtures.paths import REPOSITORY_ROOT
from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway
from tests.integration.api.keys import Headers, LockedGateway, make_key
from tests.integration.api.samples import fresh
from veilgate.api.access import NEEDS, Door, Needs
from veilgate.domain.access import Scope

Route = tuple[str, str]
# Well formed, and nobody's.
MISSING = "01890a5d-ac96-774b-bcce-b302099a8057"


@dataclass(frozen=True)
class Call:
    """How a route is called, and what its owner is answered. `about` names the thing in its path."""

    own: tuple[int, str | None]
    about: str = ""
    send: dict[str, Any] = field(default_factory=dict)


PAGE_PARTS = [part for part in (REPOSITORY_ROOT / "veilgate" / "web").iterdir() if part.suffix != ".html"]
PICTURE = {"files": {"file": ("a.jpg", fresh())}}
ANNOUNCEMENT = {"json": {"filename": "a.jpg", "file_size": 9, "sha256": "0" * 64}}
HOOK = {"json": {"url": "https://receiver.example/hook"}}
# Cancelled before it is tried again, and both after all that only looks.
CALLS: dict[Route, Call] = {
    ("GET", "/"): Call((200, None)),
    **{("GET", f"/page/{part.name}"): Call((200, None)) for part in PAGE_PARTS},
    ("GET", "/docs"): Call((307, None)),
    ("GET", "/docs/"): Call((200, None)),
    ("GET", "/docs/start.js"): Call((200, None)),
    ("GET", "/openapi.json"): Call((200, None)),
    ("GET", "/ready"): Call((200, None)),
    ("GET", "/health"): Call((200, None)),
    ("GET", "/stats"): Call((200, None)),
    ("GET", "/queue-status"): Call((200, None)),
    ("GET", "/session"): Call((200, None)),
    ("POST", "/session"): Call((201, None)),
    ("DELETE", "/session"): Call((403, "forbidden")),  # a key is no session
    ("POST", "/upload"): Call((202, None), send=PICTURE),
    ("POST", "/classify"): Call((415, "not_an_image"), send={"files": {"file": ("a.jpg", b"no picture")}}),
    ("POST", "/upload-url"): Call((422, "url_forbidden"), send={"json": {"image_url": "http://127.0.0.1/a"}}),
    ("POST", "/batch-upload"): Call((202, None), send={"files": {"files": ("a.jpg", fresh())}}),
    ("POST", "/uploads"): Call((201, None), send=ANNOUNCEMENT),
    ("POST", "/uploads/{upload_id}/complete"): Call((409, "upload_incomplete"), about="upload"),
    ("GET", "/status/{job_id}"): Call((200, None), about="job"),
    ("GET", "/jobs/{job_id}/events"): Call((204, None), about="ended_job"),
    ("GET", "/batches/{batch_id}"): Call((200, None), about="batch"),
    ("GET", "/images/{image_id}/similar"): Call((503, "index_not_ready"), about="job"),
    ("GET", "/search"): Call((200, None), send={"params": {"q": "car"}}),
    ("POST", "/search"): Call((503, "search_unavailable"), send=PICTURE),
    ("GET", "/duplicates"): Call((200, None)),
    ("GET", "/images"): Call((200, None)),
    ("GET", "/images/{image_id}"): Call((200, None), about="job"),
    ("PATCH", "/images/{image_id}"): Call((200, None), about="job", send={"json": {"tags": ["a"]}}),
    ("GET", "/images/{image_id}/processed"): Call((404, "result_not_ready"), about="job"),
    ("HEAD", "/images/{image_id}/processed"): Call((404, None), about="job"),
    ("GET", "/images/{image_id}/thumbnail"): Call((404, "result_not_ready"), about="job"),
    ("HEAD", "/images/{image_id}/thumbnail"): Call((404, None), about="job"),
    ("GET", "/images/{image_id}/original"): Call((200, None), about="job"),
    ("HEAD", "/images/{image_id}/original"): Call((200, None), about="job"),
    ("POST", "/images/{image_id}/redo"): Call((202, None), about="job"),
    ("POST", "/images/{image_id}/lookup"): Call((202, None), about="job"),
    ("POST", "/jobs/{job_id}/cancel"): Call((200, None), about="job"),
    ("POST", "/jobs/{job_id}/retry"): Call((200, None), about="job"),
    ("DELETE", "/images/{image_id}"): Call((204, None), about="doomed"),
    ("POST", "/webhooks"): Call((201, None), send=HOOK),
    ("GET", "/webhooks"): Call((200, None)),
    ("GET", "/webhooks/{webhook_id}"): Call((200, None), about="webhook"),
    ("PATCH", "/webhooks/{webhook_id}"): Call((200, None), about="webhook", send=HOOK),
    ("POST", "/webhooks/{webhook_id}/rotate"): Call((200, None), about="webhook"),
    ("POST", "/webhooks/{webhook_id}/test"): Call((202, None), about="webhook"),
    ("GET", "/webhooks/{webhook_id}/deliveries"): Call((200, None), about="webhook"),
    ("POST", "/webhooks/{webhook_id}/deliveries/{delivery_id}/retry"): Call(
        (404, "delivery_not_found"), about="webhook"
    ),
    ("DELETE", "/webhooks/{webhook_id}"): Call((204, None), about="doomed_webhook"),
    ("GET", "/shared/{token}"): Call((404, "link_not_found"), about="job"),
    ("HEAD", "/shared/{token}"): Call((404, None), about="job"),
}


@dataclass(frozen=True)
class House:
    """A gateway that lets nobody in without a key; the things are Alice's."""

    gateway: Gateway
    things: dict[str, str]
    alice: Headers
    bob: Headers
    all_but: dict[Scope, Headers]

    def call(self, route: Route, headers: Headers, *, thing: str | None = None) -> httpx.Response:
        method, path = route
        call = CALLS[route]
        before, _, after = path.partition("{")
        if after:
            path = f"{before}{thing or self.things[call.about]}{after.partition('}')[2]}"
            path = path.replace("{delivery_id}", MISSING)
        if route == ("GET", "/jobs/{job_id}/events"):
            headers = {**headers, "Last-Event-ID": "2"}
        self.gateway.http.cookies.clear()  # a session of the call before would let everybody in
        return self.gateway.http.request(method, path, headers=headers, **call.send)


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis, s3_server: S3Server
) -> Iterator[House]:
    settings: dict[str, Any] = s3_server.settings(s3_server.new_bucket())
    gateway = LockedGateway(tmp_path_factory.mktemp("keys"), f"{_redis_of_gateways.url}?db=7", **settings)
    try:
        alice, bob = make_key(gateway, "alice"), make_key(gateway, "bob")
        all_but = {scope: make_key(gateway, "alice", *(set(Scope) - {scope})) for scope in Scope}
        yield House(gateway, things_of(gateway, alice), alice, bob, all_but)
    finally:
        gateway.close()


def things_of(gateway: Gateway, headers: Headers) -> dict[str, str]:
    def send(path: str, **body: Any) -> dict[str, Any]:
        answer = gateway.http.post(path, headers=headers, **body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    ended = send("/upload", files={"file": ("a.jpg", fresh())})["job_id"]
    send(f"/jobs/{ended}/cancel")
    return {
        "job": send("/upload", files={"file": ("a.jpg", fresh())})["job_id"],
        "ended_job": ended,
        "doomed": send("/upload", files={"file": ("a.jpg", fresh())})["job_id"],
        "batch": send("/batch-upload", files={"files": ("a.jpg", fresh())})["batch_id"],
        "upload": send("/uploads", json=ANNOUNCEMENT["json"])["upload_id"],
        "webhook": send("/webhooks", json=HOOK["json"])["webhook_id"],
        "doomed_webhook": send("/webhooks", json=HOOK["json"])["webhook_id"],
    }


def of_scopes() -> list[Route]:
    return [route for route, needs in NEEDS.items() if isinstance(needs, Scope)]


def test_every_route_is_walked() -> None:
    assert set(CALLS) == set(NEEDS)


@pytest.mark.parametrize("route", [*CALLS], ids=" ".join)
def test_nobody(house: House, route: Route) -> None:
    needs: Needs = NEEDS[route]
    answer = house.call(route, {})
    if needs in {Door.OPEN, Door.GREETED} and route != ("POST", "/session"):
        assert answer.status_code == CALLS[route].own[0]
        return
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    if route[0] != "HEAD":
        reference = house.gateway.http.get("/stats").json()
        assert answer.json() == reference, "it tells nothing of what is there"


@pytest.mark.parametrize("route", of_scopes(), ids=" ".join)
def test_a_key_that_is_good_for_everything_else(house: House, route: Route) -> None:
    needs = NEEDS[route]
    assert isinstance(needs, Scope)
    answer = house.call(route, house.all_but[needs])
    assert answer.status_code == 403
    if route[0] != "HEAD":
        assert answer.json()["code"] == "forbidden"
        assert f"'{needs}'" in answer.json()["detail"]


@pytest.mark.parametrize("route", [route for route in CALLS if "{" in route[1]], ids=" ".join)
def test_somebody_else(house: House, route: Route) -> None:
    foreign, missing = house.call(route, house.bob), house.call(route, house.bob, thing=MISSING)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content, "what is not yours looks like what is not there"


def test_what_is_bobs_does_not_say_that_alice_has_it_too(house: House) -> None:
    picture = fresh()
    first, second = (
        house.gateway.http.post("/upload", headers=headers, files={"file": ("a.jpg", picture)}).json()
        for headers in (house.alice, house.bob)
    )
    assert first["job_id"] != second["job_id"]
    assert not second["deduplicated"]


@pytest.mark.parametrize("route", [*CALLS], ids=" ".join)
def test_the_owner(house: House, route: Route) -> None:
    """Runs last: what the others tried must have changed nothing."""
    status, code = CALLS[route].own
    answer = house.call(route, house.alice)
    assert answer.status_code == status, answer.text
    if code:
        assert answer.json()["code"] == code


def test_health_tells_only_an_administrator_what_is_where(house: House) -> None:
    assert set(house.call(("GET", "/health"), {}).json()) == {"status"}
    for headers, tells in ((house.all_but[Scope.ADMIN], False), (house.alice, True)):
        assert ("parts" in house.gateway.http.get("/health", headers=headers).json()) is tells
