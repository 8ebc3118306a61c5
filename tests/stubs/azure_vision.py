"""Azure Image Analysis 4.0: POST /computervision/imageanalysis:analyze."""

from typing import Any

from tests.stubs.desks import Desk, Refused, Said, Sent, Trouble, Troubles, in_json
from tests.stubs.pictures import size_of
from tests.stubs.world import World

KEY = "stub-azure-vision-key"
PATH = "/computervision/imageanalysis:analyze"
VERSIONS = frozenset({"2023-10-01", "2024-02-01"})
_FEATURES = frozenset({"tags", "caption", "denseCaptions", "objects", "read", "smartCrops", "people"})
_LARGEST_BYTES = 20_971_520
_SIDES_PX = range(50, 16_001)


class AzureVision:
    def __init__(self, world: World) -> None:
        self._world = world
        self.desk = Desk("azure_vision", self._answer, _TROUBLES)

    async def _answer(self, sent: Sent) -> Said:
        if sent.headers.get("ocp-apim-subscription-key") != KEY:
            raise Refused(_access_denied())
        if sent.query.get("api-version") not in VERSIONS:
            raise Refused(_error(404, "404", "Resource not found"))
        features = set(sent.query.get("features", "").split(",")) - {""}
        if not features or features - _FEATURES:
            raise Refused(_error(400, "InvalidRequest", "Feature is not supported.", "NotSupportedFeature"))
        width, height = self._look(sent)
        product = self._world.recognise(sent.picture or b"")
        document: dict[str, Any] = {
            "modelVersion": "2023-10-01",
            "metadata": {"width": width, "height": height},
        }
        if "caption" in features:
            document["captionResult"] = {"text": product.caption, "confidence": 0.85}
        if "tags" in features:
            document["tagsResult"] = {
                "values": [
                    {"name": label.lower(), "confidence": 0.98 - place / 20}
                    for place, label in enumerate(product.labels)
                ]
            }
        return in_json(200, document)

    def _look(self, sent: Sent) -> tuple[int, int]:
        if sent.media_type == "application/json":
            raise Refused(
                _error(400, "InvalidRequest", "The provided image url is not accessible.", "InvalidImageUrl")
            )
        if sent.media_type != "application/octet-stream":
            raise Refused(_error(415, "InvalidRequest", "Unsupported media type.", "UnsupportedMediaType"))
        if len(sent.body) > _LARGEST_BYTES:
            raise Refused(_error(400, "InvalidRequest", _TOO_LARGE))
        sent.picture = sent.body
        size = size_of(
            sent.body,
            lambda: _error(400, "InvalidRequest", "Image format is not supported.", "InvalidImageFormat"),
        )
        if not all(side in _SIDES_PX for side in size):
            raise Refused(_error(400, "InvalidRequest", _WRONG_SIZE, "InvalidImageSize"))
        return size


_TOO_LARGE = "The image size is not allowed to be larger than 20971520 bytes."
_WRONG_SIZE = "The image dimension is not allowed to be smaller than 50 and larger than 16000."


def _access_denied() -> Said:
    text = "Access denied due to invalid subscription key or wrong API endpoint."
    document = {"error": {"code": "401", "message": text}}
    return in_json(401, document, WWW_Authenticate='AzureApiManagementKey realm="stub"')


def _error(status: int, code: str, message: str, inner: str | None = None) -> Said:
    error: dict[str, Any] = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner, "message": message}
    return in_json(status, {"error": error})


def _no_captions_here(sent: Sent) -> Said | None:
    if "caption" not in sent.query["features"].split(","):
        return None
    text = "The feature 'Caption' is not supported in this region."
    return _error(400, "InvalidRequest", text, "NotSupportedFeature")


_TOO_FAST = (
    "Requests to the Analyze Operation have exceeded call rate limit of your current F0 pricing tier. "
    "Please retry after 1 second."
)
_NO_QUOTA = "Out of call volume quota. Quota will be replenished in 9 days."
_NOTHING = {
    "modelVersion": "2023-10-01",
    "metadata": {"width": 100, "height": 100},
    "captionResult": {"text": "", "confidence": 0.01},
    "tagsResult": {"values": []},
}
_TROUBLES: Troubles = {
    Trouble.THROTTLED: _error(429, "429", _TOO_FAST),
    Trouble.OUT_OF_CREDIT: _error(403, "403", _NO_QUOTA),
    Trouble.BROKEN: _error(500, "InternalServerError", "Internal server error."),
    Trouble.KEY_REFUSED: _access_denied(),
    Trouble.EMPTY: in_json(200, _NOTHING),
    Trouble.NOT_SUPPORTED: _no_captions_here,
}
