"""Google Cloud Vision: POST /v1/images:annotate."""

import json
from typing import Any

from tests.stubs.desks import Desk, Refused, Said, Sent, Trouble, Troubles, in_json
from tests.stubs.pictures import from_base64, size_of
from tests.stubs.world import Product, World

KEY = "stub-google-vision-key"
PATH = "/v1/images:annotate"
_LARGEST_BODY_BYTES = 10 << 20
_MOST_IMAGES = 16
_FEATURES = frozenset(
    f"{name}_DETECTION"
    for name in ("FACE", "LANDMARK", "LOGO", "LABEL", "TEXT", "DOCUMENT_TEXT", "SAFE_SEARCH", "WEB")
) | {"IMAGE_PROPERTIES", "CROP_HINTS", "OBJECT_LOCALIZATION", "PRODUCT_SEARCH"}


class GoogleVision:
    def __init__(self, world: World) -> None:
        self._world = world
        self.desk = Desk("google_vision", self._answer, _TROUBLES)

    async def _answer(self, sent: Sent) -> Said:
        _require_key(sent)
        requests = _requests(sent)
        return in_json(200, {"responses": [self._one(sent, request) for request in requests]})

    def _one(self, sent: Sent, request: dict[str, Any]) -> dict[str, Any]:
        image = request.get("image")
        if not isinstance(image, dict) or set(image) - {"content", "source"}:
            raise Refused(_invalid("Request must specify image and features."))
        if "content" not in image:
            # The stub's Google reaches no web, as the real one often does not.
            return {"error": {"code": 14, "message": "We can not access the URL currently."}}
        sent.picture = from_base64(
            image["content"],
            lambda: _invalid(
                "Invalid value at 'requests[0].image.content' (TYPE_BYTES), Base64 decoding failed"
            ),
        )
        try:
            size_of(sent.picture, lambda: _invalid("Bad image data."))
        except Refused:
            sent.was_wrong = True
            return {"error": {"code": 3, "message": "Bad image data."}}
        return _annotations(_features(request), self._world.recognise(sent.picture), self._world)


def _require_key(sent: Sent) -> None:
    key = sent.headers.get("x-goog-api-key") or sent.query.get("key")
    if key is None:
        raise Refused(
            _error(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.", "CONSUMER_INVALID")
        )
    if key != KEY:
        raise Refused(_key_refused())


def _requests(sent: Sent) -> list[dict[str, Any]]:
    if sent.media_type != "application/json":
        raise Refused(_invalid(f"Unsupported content type: {sent.media_type}"))
    if len(sent.body) > _LARGEST_BODY_BYTES:
        raise Refused(_invalid("Request payload size exceeds the limit: 10485760 bytes."))
    try:
        document = json.loads(sent.body)
    except ValueError:
        raise Refused(_invalid("Invalid JSON payload received. Unexpected token.")) from None
    junk = set(document) - {"requests", "parent", "labels"} if isinstance(document, dict) else {"root"}
    if junk:
        raise Refused(_invalid(f'Invalid JSON payload received. Unknown name "{min(junk)}".'))
    requests = document.get("requests")
    if not isinstance(requests, list) or not 0 < len(requests) <= _MOST_IMAGES:
        raise Refused(_invalid("Too many or no images in the request."))
    return requests


def _features(request: dict[str, Any]) -> dict[str, int]:
    """How many are wanted of each."""
    features = request.get("features")
    if not isinstance(features, list) or not features:
        raise Refused(_invalid("Request must specify image and features."))
    for feature in features:
        if not isinstance(feature, dict) or feature.get("type") not in _FEATURES:
            raise Refused(_invalid("Invalid value at 'requests[0].features[0].type' (TYPE_ENUM)"))
    return {feature["type"]: feature.get("maxResults", 10) for feature in features}


def _annotations(features: dict[str, int], product: Product, world: World) -> dict[str, Any]:
    """Only what was asked for is there, and empty lists are left out."""
    given: dict[str, Any] = {}
    if most := features.get("LABEL_DETECTION"):
        given["labelAnnotations"] = [
            {"mid": f"/m/{place}", "description": label, "score": 0.97 - place / 20, "topicality": 0.9}
            for place, label in enumerate(product.labels)
        ][:most]
    if "LOGO_DETECTION" in features:
        box = {"vertices": [{"y": 12}, {"x": 90, "y": 12}, {"x": 90, "y": 40}, {"y": 40}]}
        given["logoAnnotations"] = [
            {"mid": "/m/0abc", "description": product.make, "score": 0.81, "boundingPoly": box}
        ]
    if "WEB_DETECTION" in features:
        given["webDetection"] = _web(product, world)
    return given


def _web(product: Product, world: World) -> dict[str, Any]:
    maker = world.maker_page(product)
    return {
        "webEntities": [
            {"entityId": "/g/11abc", "score": 1.42, "description": product.name},
            {"entityId": "/m/0xyz", "score": 0.61},  # nothing but a number: proto3 leaves out what is empty
            {"entityId": "/m/0abc", "score": 0.55, "description": product.labels[0]},
        ],
        "fullMatchingImages": [{"url": f"{maker}.jpg"}],
        "pagesWithMatchingImages": [
            {
                "url": maker,
                "pageTitle": f"{product.make} <b>{product.model}</b> | {product.make}",
                "fullMatchingImages": [{"url": f"{maker}.jpg"}],
            },
            {
                "url": world.shop_page(product),
                "pageTitle": f"{product.name} &amp; more - The Shop",
                "partialMatchingImages": [{"url": f"{maker}-small.jpg"}],
            },
        ],
        "visuallySimilarImages": [{"url": f"{maker}-like.jpg"}],
        "bestGuessLabels": [{"label": product.name.lower(), "languageCode": "en"}],
    }


def _key_refused() -> Said:
    message = "API key not valid. Please pass a valid API key."
    return _error(400, "INVALID_ARGUMENT", message, "API_KEY_INVALID")


def _invalid(message: str) -> Said:
    return _error(400, "INVALID_ARGUMENT", message)


def _error(code: int, status: str, message: str, reason: str | None = None) -> Said:
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if reason:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        error["details"] = [{"@type": kind, "reason": reason, "domain": "googleapis.com"}]
    return in_json(code, {"error": error})


_QUOTA = (
    "Quota exceeded for quota metric 'Requests' and limit 'Requests per {}' of service "
    "'vision.googleapis.com' for consumer 'project_number:1'."
)
_TROUBLES: Troubles = {
    Trouble.THROTTLED: _error(429, "RESOURCE_EXHAUSTED", _QUOTA.format("minute"), "RATE_LIMIT_EXCEEDED"),
    Trouble.OUT_OF_CREDIT: _error(429, "RESOURCE_EXHAUSTED", _QUOTA.format("day"), "RATE_LIMIT_EXCEEDED"),
    Trouble.BROKEN: _error(500, "INTERNAL", "Internal error encountered."),
    Trouble.KEY_REFUSED: _key_refused(),
    Trouble.ERROR_INSIDE: in_json(200, {"responses": [{"error": {"code": 14, "message": "Try again."}}]}),
    Trouble.EMPTY: in_json(200, {"responses": [{"webDetection": {}}]}),
}
