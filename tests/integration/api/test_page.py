"""The page at /, in a real browser: a picture goes in, and what is found out comes up as it comes."""

import html.parser
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.browser import visit
from tests.fixtures.private_redis import RunningRedis
from tests.integration.api.gateway import Gateway
from tests.integration.api.keys import LockedGateway, key_text
from tests.integration.api.lines_of_classify import LookupByHand
from tests.integration.api.samples import fresh

EVIL = "<img src=x onerror=alert(1)>"
OFFERS = [
    {"price": {"amount": "49.50", "currency": "EUR"}, "link": "https://shop.example/1", "title": EVIL},
    {"price": {"amount": "60.00", "currency": "EUR"}, "link": "javascript:alert(1)", "title": "b"},
]
ESTIMATE: dict[str, Any] = {"price": "55.00", "min_range": "45.00", "max_range": "65.00", "currency": "EUR"}


@pytest.fixture
def look_up(working_house: Gateway, _redis_of_gateways: RunningRedis) -> Callable[[str], LookupByHand]:
    """Takes on the lookup of an image."""
    return lambda image_id: LookupByHand(working_house, image_id, _redis_of_gateways)


def send(page: Page, picture: bytes, name: str = "a.jpg") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "image/jpeg", "buffer": picture})
    page.click("#go")


@pytest.mark.one_house
def test_a_picture_goes_in_and_what_is_found_comes_up(
    working_house: Gateway, look_up: Callable[[str], LookupByHand], astronaut_jpeg: bytes
) -> None:
    with visit(f"http://127.0.0.1:{working_house.port}/") as seen:
        page = seen.page
        send(page, fresh(astronaut_jpeg))
        expect(page.locator("#after")).to_have_js_property("naturalWidth", 512)
        expect(page.locator(".card.faces")).to_contain_text("1 face was veiled")
        image_id = str(page.locator("#after").get_attribute("src")).split("/")[2]
        lookup = look_up(image_id)
        lookup.say("identify_product", make="Acme", model="K2", name="Acme K2", confidence=0.81, because=[])
        expect(page.locator(".card.model-producer")).to_contain_text("Acme K2")
        lookup.say("google_lens", "failed", error={"code": "provider_down", "message": "It is away."})
        expect(page.locator(".card.failed")).to_contain_text("It is away.")
        lookup.say(
            "find_producer_page", url="https://acme.example/k2", title=EVIL, confidence=0.9, because=[]
        )
        lookup.say("find_second_hand_offers", offers=OFFERS)
        lookup.say("estimate_price", **ESTIMATE)
        lookup.complete()
        expect(page.locator("#progress")).to_contain_text("Done.")
        assert_strangers_are_harmless(page)
        assert page.locator(".card.estimated-price").inner_text().count("€") == 3
        assert page.locator("#steps li[data-state=done]").count() == 8
        assert seen.complaints == []


def assert_strangers_are_harmless(page: Page) -> None:
    """Their texts are texts, and their links lead to the web or nowhere."""
    assert page.locator(".cards img").count() == 0
    assert page.locator(".cards").get_by_text(EVIL).count() == 2
    links = page.locator(".cards a")
    assert [link.get_attribute("href") for link in links.all()] == [
        "https://acme.example/k2",
        "https://shop.example/1",
    ]
    assert {link.get_attribute("rel") for link in links.all()} == {"noopener noreferrer"}


def refusal(status: int, retry_after_s: int = 0) -> dict[str, Any]:
    return {
        "status": status,
        "headers": {"Retry-After": str(retry_after_s)},
        "body": json.dumps({"title": "No.", "detail": f"Not now: {status}."}),
    }


def stream(*lines: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    told = [{"data_type": name, "data_description": ".", "data": data} for name, data in lines]
    return {"status": 200, "body": "".join(json.dumps(one) + "\n" for one in told)}


BEGUN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("accepted", {}),
    ("faces", {"count": 0}),
    ("veiled", {"processed_url": "icon", "thumbnail_urls": {}}),
)
LOOKUP_FAILED = {
    "stage": "job",
    "kind": "lookup",
    "job_id": "b",
    "code": "nothing_answered",
    "message": "No.",
}
ENDED = {"status": "failed", "veil_status": "completed", "lookup_status": "failed", "cost": {"usd": 0}}


@pytest.mark.one_house
def test_the_page_outlives_gateways_that_start_anew_and_says_what_failed(gateway: Gateway) -> None:
    """Eleven tries, of which a stream that broke off is one: more in a row than are made in vain."""
    away = [refusal(status) for status in (503, 429, 502, 504, 503)]
    answers = [*away, stream(*BEGUN), *away, stream(*BEGUN, ("failed", LOOKUP_FAILED), ("done", ENDED))]
    with visit(f"http://127.0.0.1:{gateway.port}/") as seen:
        page = seen.page
        page.route("**/classify", lambda route: route.fulfill(**answers.pop(0)))
        send(page, b"a picture")
        expect(page.locator("#progress")).to_contain_text("Looking it up ended: failed.")
        assert answers == []
        assert page.locator("#steps li").all_text_contents() == [
            *(f"{name}: done" for name in ("Stored", "Faces")),
            "Vehicles: left out",
            "Veiled: done",
            "What it is: failed",
            *(f"{name}: left out" for name in ("Its maker’s page", "Details", "Used ones", "Its worth")),
        ]
        assert page.locator(".card.failed h3").all_text_contents() == ["Looking it up failed"]
        answers.append(refusal(429, retry_after_s=3600))
        page.click("#go")
        expect(page.locator("#said")).to_contain_text("Not now: 429.")


@pytest.fixture
def locked(tmp_path_factory: pytest.TempPathFactory, _redis_of_gateways: RunningRedis) -> Iterator[Gateway]:
    gateway = LockedGateway(tmp_path_factory.mktemp("page"), f"{_redis_of_gateways.url}?db=12")
    yield gateway
    gateway.close()


def test_who_signs_in_is_let_in_and_hears_why_a_file_is_refused(locked: Gateway) -> None:
    with visit(f"http://127.0.0.1:{locked.port}/") as seen:
        page = seen.page
        page.fill("#key", "vg_wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#sign-in-said")).to_contain_text("is needed")
        page.fill("#key", key_text(locked, "alice"))
        page.keyboard.press("Enter")
        expect(page.locator("#ask")).to_be_visible()
        send(page, b"no picture")
        expect(page.locator("#said")).to_contain_text("is not a JPEG")
        page.reload()
        expect(page.locator("#ask")).to_be_visible()
        page.click("#sign-out")
        expect(page.locator("#sign-in")).to_be_visible()
        assert all("the server responded with a status of 4" in said for said in seen.complaints)


class References(html.parser.HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [given[name] or "" for name in ("src", "href") if name in given]
        self.inline += (tag == "script" and "src" not in given) or tag == "style" or "style" in given


@pytest.mark.one_house
def test_the_page_has_all_it_needs_here_and_nothing_inline(gateway: Gateway) -> None:
    page = gateway.http.get("/")
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")
    references = References(page.text)
    assert references.inline == 0
    for reference in references.found:
        assert gateway.http.get(f"/{reference}").status_code == 200, reference
