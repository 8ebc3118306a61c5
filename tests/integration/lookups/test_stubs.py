"""The stubs take what the real services take, and refuse what those refuse: else the house's own tests would
prove nothing."""

import base64
import io
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.stubs import azure_vision, ebay, google_vision, openai_compatible, serpapi
from tests.stubs.desks import Trouble
from tests.stubs.serving import Stubs
from tests.stubs.world import PRODUCTS


def _jpeg(size: tuple[int, int] = (64, 64)) -> bytes:
    spool = io.BytesIO()
    Image.new("RGB", size, (10, 200, 30)).save(spool, "JPEG")
    return spool.getvalue()


PICTURE = _jpeg()
TEXT = base64.b64encode(PICTURE).decode()
DATA_URL = f"data:image/jpeg;base64,{TEXT}"
VISION = {"requests": [{"image": {"content": TEXT}, "features": [{"type": "WEB_DETECTION"}]}]}
JSON = "application/json"
VISION_KEY = {"X-goog-api-key": google_vision.KEY}
AZURE = {"Ocp-Apim-Subscription-Key": azure_vision.KEY, "Content-Type": "application/octet-stream"}
ANALYZE = {"api-version": "2023-10-01", "features": "caption,tags"}
BEARER = {"Authorization": f"Bearer {openai_compatible.KEY}"}
SCHEMA = {
    "type": "object",
    "properties": {"make": {"type": ["string", "null"]}, "confidence": {"type": "number"}},
    "required": ["make", "confidence"],
    "additionalProperties": False,
}


def _chat(url: str = DATA_URL, schema: dict[str, Any] | None = None, **other: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "model": openai_compatible.MODEL,
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}],
    }
    if schema:
        inner = {"name": "product", "strict": True, "schema": schema}
        asked["response_format"] = {"type": "json_schema", "json_schema": inner}
    return {**asked, **other}


class Asker:
    """Asks the stubs as a careless client might."""

    def __init__(self, stubs: Stubs, http: httpx.Client) -> None:
        self.stubs, self.http = stubs, http
        self._token = ""

    def token(self) -> str:
        if not self._token:
            answer = self.mint()
            self._token = answer.json()["access_token"]
        return self._token

    def mint(self, secret: str = ebay.CLIENT_SECRET, **form: str) -> httpx.Response:
        return self.http.post(
            self.stubs.urls["ebay"] + ebay.TOKEN_PATH,
            data={"grant_type": "client_credentials", "scope": ebay.SCOPE, **form},
            auth=(ebay.CLIENT_ID, secret),
        )

    def ebay_image(self, image: str = TEXT, *, token: str | None = None, **words: Any) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {self.token() if token is None else token}"}
        headers = {**bearer, "X-EBAY-C-MARKETPLACE-ID": words.pop("marketplace", "EBAY_US")}
        url = self.stubs.urls["ebay"] + ebay.IMAGE_PATH
        return self.http.post(url, json={"image": image}, headers=headers, params=words)

    def ebay_search(self, **words: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self.http.get(self.stubs.urls["ebay"] + ebay.SEARCH_PATH, headers=headers, params=words)

    def vision(self, document: object = VISION, **words: Any) -> httpx.Response:
        words = {"headers": VISION_KEY, **words}
        return self.http.post(self.stubs.urls["google_vision"] + google_vision.PATH, json=document, **words)

    def serp(self, **words: str) -> httpx.Response:
        return self.http.get(self.stubs.urls["serpapi"] + "/search", params=words)

    def azure(self, body: bytes = PICTURE, **words: Any) -> httpx.Response:
        url = self.stubs.urls["azure_vision"] + azure_vision.PATH
        return self.http.post(url, content=body, **{"headers": AZURE, "params": ANALYZE, **words})

    def chat(self, document: object, **words: Any) -> httpx.Response:
        words = {"headers": BEARER, **words}
        return self.http.post(
            self.stubs.urls["vision_model"] + openai_compatible.PATH, json=document, **words
        )


@pytest.fixture(scope="module")
def _http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=5, trust_env=False) as http:
        yield http


@pytest.fixture
def ask(stub_world: Stubs, _http: httpx.Client) -> Asker:
    return Asker(stub_world, _http)


def test_what_is_right_is_answered(ask: Asker) -> None:
    product = PRODUCTS[0]
    web = ask.vision().json()["responses"][0]["webDetection"]
    assert web["webEntities"][0]["description"] == product.name
    page = web["pagesWithMatchingImages"][0]["url"]
    assert "application/ld+json" in ask.http.get(page).text
    lens = ask.serp(engine="google_lens", url=_picture_address(ask), api_key=serpapi.KEY, country="us")
    assert "error" in lens.json(), "there is no picture at that address"
    shops = ask.serp(engine="google_shopping", q=product.name, api_key=serpapi.KEY).json()
    assert not any("link" in offer for offer in shops["shopping_results"])
    by_image = ask.ebay_image(limit=5).json()
    assert (by_image["limit"], len(by_image["itemSummaries"])) == (5, 5)
    used = ask.ebay_search(q=product.name, filter="conditions:{USED},buyingOptions:{FIXED_PRICE|AUCTION}")
    assert {item["conditionId"] for item in used.json()["itemSummaries"]} <= {
        "2000", "3000", "4000", "5000", "6000",
    }  # fmt: skip
    assert "itemSummaries" not in ask.ebay_search(q="nothing that anybody sells").json()
    assert ask.azure().json()["metadata"] == {"width": 64, "height": 64}
    message = ask.chat(_chat(schema=SCHEMA)).json()["choices"][0]["message"]
    assert message["content"] == '{"make": "Acme", "confidence": 0.9}'
    assert all(not desk.wrong for desk in ask.stubs.desks.values())
    assert {PICTURE} == {seen for pictures in ask.stubs.pictures().values() for seen in pictures}


def _picture_address(ask: Asker) -> str:
    return ask.stubs.urls["producer_site"] + "/no-picture.jpg"


FEATURE = [{"type": "WEB_DETECTION"}]


@pytest.mark.parametrize(
    ("document", "headers", "status"),
    [
        (VISION, {}, 403),
        (VISION, {"X-goog-api-key": "another"}, 400),
        (VISION, {**VISION_KEY, "Content-Type": "text/plain"}, 400),
        ({**VISION, "image": 1}, VISION_KEY, 400),
        ({"requests": []}, VISION_KEY, 400),
        ({"requests": [{"image": {"content": DATA_URL}, "features": FEATURE}]}, VISION_KEY, 400),
        ({"requests": [{"image": {"content": TEXT}}]}, VISION_KEY, 400),
        ({"requests": [{"image": {"content": TEXT}, "features": [{"type": "WEB"}]}]}, VISION_KEY, 400),
    ],
)
def test_google_vision_refuses(ask: Asker, document: object, headers: dict[str, str], status: int) -> None:
    assert ask.vision(document, headers=headers).status_code == status
    assert len(ask.stubs.desks["google_vision"].wrong) == 1


def test_google_vision_says_within_a_200_that_it_is_no_picture(ask: Asker) -> None:
    no_picture = base64.b64encode(b"GIF or so").decode()
    answer = ask.vision({"requests": [{"image": {"content": no_picture}, "features": FEATURE}]})
    assert (answer.status_code, answer.json()["responses"][0]["error"]["code"]) == (200, 3)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({"engine": "google_lens", "url": "https://a.example/a.jpg"}, 401),
        ({"engine": "google_lens", "url": "https://a.example/a.jpg", "api_key": "another"}, 401),
        ({"engine": "google_lens", "api_key": serpapi.KEY}, 400),
        ({"engine": "google_lens", "url": DATA_URL, "api_key": serpapi.KEY}, 400),
        ({"engine": "google_lens", "url": "ftp://a.example/", "api_key": serpapi.KEY}, 400),
        ({"engine": "google_lens", "url": "http://a/", "type": "x", "api_key": serpapi.KEY}, 400),
        (
            {
                "engine": "google_shopping",
                "q": "a",
                "no_cache": "true",
                "async": "true",
                "api_key": serpapi.KEY,
            },
            400,
        ),
        ({"engine": "google_shopping", "api_key": serpapi.KEY}, 400),
        ({"engine": "google_shopping", "q": "a", "gl": "usa", "api_key": serpapi.KEY}, 400),
        ({"engine": "bing", "q": "a", "api_key": serpapi.KEY}, 400),
    ],
)
def test_serpapi_refuses(ask: Asker, words: dict[str, str], status: int) -> None:
    assert ask.serp(**words).status_code == status


def test_ebay_refuses(ask: Asker) -> None:
    assert ask.mint(secret="another").status_code == 401
    assert ask.mint(scope="everything").status_code == 400
    assert ask.mint(grant_type="password").status_code == 400
    assert ask.ebay_image(token="v^1.1#none").status_code == 401
    assert _ebay_error(ask.ebay_image(limit=201)) == (400, 12006)
    assert _ebay_error(ask.ebay_image(offset=10_000)) == (400, 12029)
    assert _ebay_error(ask.ebay_image(DATA_URL)) == (400, 12501)
    assert _ebay_error(ask.ebay_image("")) == (400, 12501)
    assert _ebay_error(ask.ebay_image(marketplace="EBAY_FR")) == (409, 12019)
    assert _ebay_error(ask.ebay_search(limit=5)) == (400, 12001)
    warned = ask.ebay_search(q="Acme", filter="price:[10..50]")
    assert (warned.status_code, warned.json()["warnings"][0]["errorId"]) == (200, 12012)
    ask.stubs.ebay.forget_tokens()
    assert _ebay_error(ask.ebay_image()) == (401, 1001)


def _ebay_error(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["errors"][0]["errorId"]


@pytest.mark.parametrize(
    ("body", "words", "status"),
    [
        (PICTURE, {"headers": {"Content-Type": "application/octet-stream"}}, 401),
        (PICTURE, {"params": {"features": "tags"}}, 404),
        (PICTURE, {"params": {"api-version": "2023-10-01"}}, 400),
        (PICTURE, {"params": {**ANALYZE, "features": "everything"}}, 400),
        (PICTURE, {"headers": {**AZURE, "Content-Type": "image/jpeg"}}, 415),
        (TEXT.encode(), {}, 400),
        (_jpeg((49, 64)), {}, 400),
    ],
)
def test_azure_refuses(ask: Asker, body: bytes, words: dict[str, Any], status: int) -> None:
    assert ask.azure(body, **words).status_code == status


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (_chat(model="gpt-4o"), 404),
        (_chat(messages=[]), 400),
        (_chat(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": DATA_URL}]}]), 400),
        (_chat("https://a.example/a.jpg"), 400),
        (_chat("/etc/passwd"), 400),
        (_chat(TEXT), 400),
        (_chat(max_tokens=1, max_completion_tokens=1), 400),
        (_chat(schema={**SCHEMA, "required": ["make"]}), 400),
        (_chat(schema={"type": "object", "properties": {}, "required": []}), 400),
        (_chat(response_format={"type": "json_schema", "schema": SCHEMA}), 400),
    ],
)
def test_the_model_refuses(ask: Asker, document: dict[str, Any], status: int) -> None:
    assert ask.chat(document).status_code == status
    assert ask.chat(_chat(), headers={"Authorization": "Bearer another"}).status_code == 401


def test_troubles(ask: Asker) -> None:
    desk = ask.stubs.desks["google_vision"]
    desk.behave(Trouble.THROTTLED, times=1, retry_after="7")
    answer = ask.vision()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert ask.vision().status_code == 200
    for trouble in (Trouble.CUT_SHORT, Trouble.HTML, Trouble.GARBLED):
        desk.behave(trouble)
        answer = ask.vision()
        assert answer.status_code == 200
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            answer.json()
    desk.behave(Trouble.STRANGE)
    assert isinstance(ask.vision().json(), list)
    desk.behave(Trouble.RESETS)
    with pytest.raises(httpx.RemoteProtocolError):
        ask.vision()
    for trouble in (Trouble.HANGS, Trouble.DRIPS):
        desk.behave(trouble)
        with pytest.raises(httpx.ReadTimeout if trouble is Trouble.HANGS else TimeoutError):
            _within(0.2, ask)
    assert desk.calls == 9
    assert desk.paid == 7, "neither for the refusal, nor for what never came"


def _within(timeout_s: float, ask: Asker) -> None:
    deadline_s = time.monotonic() + timeout_s
    url = ask.stubs.urls["google_vision"] + google_vision.PATH
    with ask.http.stream("POST", url, json=VISION, headers=VISION_KEY, timeout=timeout_s) as answer:
        for _ in answer.iter_raw():
            if time.monotonic() > deadline_s:
                raise TimeoutError


def test_told_over_http(ask: Asker) -> None:
    control = ask.stubs.urls["control"] + "/google_vision"
    assert ask.http.post(control, json={"trouble": "broken", "times": 1}).status_code == 204
    assert [ask.vision().status_code for _ in range(2)] == [500, 200]
    counts = {"calls": 2, "paid": 1, "wrong": 0, "most_under_way": 1}
    assert ask.http.get(control).json() == counts
    assert ask.http.delete(control).status_code == 204
    assert ask.http.get(control).json()["calls"] == 0
