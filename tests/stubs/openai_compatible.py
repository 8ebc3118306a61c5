"""An OpenAI-compatible vision model: POST /v1/chat/completions."""

import json
import re
from typing import Any

from tests.stubs.answers_by_schema import answer_freely, fill
from tests.stubs.desks import Desk, Refused, Said, Sent, Trouble, Troubles, in_json
from tests.stubs.pictures import from_base64, size_of
from tests.stubs.world import Product, World

KEY, MODEL = "stub-model-key", "stub-vlm"
PATH = "/v1/chat/completions"
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_DATA_URL = re.compile(r"data:image/(?:jpeg|png|webp|gif);base64,(.*)", re.DOTALL)
_NO_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_THINKING = "<think>Is it {{a}} lamp?</think>\n```json\n{}\n```\nHope this helps!"
_SCHEMA_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class VisionModel:
    def __init__(self, world: World) -> None:
        self._world = world
        self.desk = Desk("vision_model", self._answer, self._troubles())

    async def _answer(self, sent: Sent) -> Said:
        _require_right(sent)
        return _completion(self._text(sent))

    def _text(self, sent: Sent) -> str:
        asked = json.loads(sent.body)
        product = self._product(sent, asked)
        schema = asked.get("response_format", {}).get("json_schema", {}).get("schema")
        # Without a schema a model does as the words say, which name the fields.
        return json.dumps(fill(schema, product) if schema else answer_freely(product))

    def _product(self, sent: Sent, asked: dict[str, Any]) -> Product:
        sent.picture = _picture(asked)
        if sent.picture is not None:
            return self._world.recognise(sent.picture)
        return self._world.named(_words(asked)) or self._world.recognise(b"")

    def _troubles(self) -> Troubles:
        return {
            Trouble.REFUSES: _completion(None, refusal="I'm sorry, I can't help with that."),
            Trouble.TOO_LONG: lambda sent: _completion(self._text(sent)[:20], finish_reason="length"),
            Trouble.FILTERED: _completion(None, finish_reason="content_filter"),
            Trouble.FENCED: lambda sent: _completion(_THINKING.format(self._text(sent))),
            Trouble.EMPTY: _completion("{}"),
            Trouble.ERROR_INSIDE: in_json(
                200, {"object": "error", "message": "no vision tower", "code": 400}
            ),
            Trouble.NOT_SUPPORTED: _no_structure_here,
            Trouble.THROTTLED: _error(429, "Rate limit reached", "requests", "rate_limit_exceeded"),
            Trouble.OUT_OF_CREDIT: _error(429, _NO_QUOTA, "insufficient_quota", "insufficient_quota"),
            Trouble.BROKEN: _error(500, "The server had an error.", "server_error"),
            Trouble.KEY_REFUSED: _wrong_key(),
        }


def _no_structure_here(sent: Sent) -> Said | None:
    if "response_format" not in json.loads(sent.body):
        return None
    return _error(400, "response_format is not supported", "invalid_request_error")


def _require_right(sent: Sent) -> None:
    if sent.headers.get("authorization") != f"Bearer {KEY}":
        raise Refused(_wrong_key())
    if sent.media_type != "application/json":
        raise Refused(_invalid("The content type must be application/json."))
    try:
        asked = json.loads(sent.body)
    except ValueError:
        raise Refused(_invalid("We could not parse the JSON body of your request.")) from None
    if not isinstance(asked, dict):
        raise Refused(_invalid("The body must be an object."))
    if asked.get("model") != MODEL:
        text = f"The model `{asked.get('model')}` does not exist."
        raise Refused(_error(404, text, "invalid_request_error", "model_not_found"))
    if {"max_tokens", "max_completion_tokens"} <= set(asked):
        raise Refused(_invalid("max_tokens and max_completion_tokens cannot both be set."))
    _require_messages(asked.get("messages"))
    _require_schema(asked.get("response_format"))
    _picture(asked)


def _require_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise Refused(_invalid("'messages' must be a non-empty array."))
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise Refused(_invalid("Invalid value for 'messages[0].role'."))
        for part in _parts(message):
            if part.get("type") not in {"text", "image_url"}:
                raise Refused(_invalid("Invalid value for 'messages[0].content[0].type'."))
            if part["type"] == "image_url" and not isinstance(part.get("image_url"), dict):
                raise Refused(_invalid("'image_url' must be an object."))


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise Refused(_invalid("Invalid type for 'messages[0].content'."))
    return content


def _require_schema(wanted: object) -> None:
    if wanted is None or wanted == {"type": "json_object"}:
        return
    inner = wanted.get("json_schema") if isinstance(wanted, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("schema"), dict):
        raise Refused(_invalid("Missing required parameter: 'response_format.json_schema'."))
    if not _SCHEMA_NAME.fullmatch(str(inner.get("name", ""))):
        raise Refused(_invalid("Invalid 'response_format.json_schema.name'."))
    if inner.get("strict"):
        _require_strict(inner["schema"])


def _require_strict(schema: dict[str, Any]) -> None:
    """Of JSON Schema only a part works strictly: every property is required, and no others may be there."""
    properties = schema.get("properties", {})
    is_object = "object" in str(schema.get("type"))
    if is_object and schema.get("additionalProperties") is not False:
        raise Refused(_invalid("Invalid schema for response_format: 'additionalProperties' must be false."))
    if is_object and set(schema.get("required", ())) != set(properties):
        raise Refused(_invalid("Invalid schema for response_format: 'required' must name every property."))
    inner = [*properties.values(), schema.get("items"), *schema.get("anyOf", ())]
    for each in inner:
        if isinstance(each, dict):
            _require_strict(each)


def _picture(asked: dict[str, Any]) -> bytes | None:
    for message in asked["messages"]:
        for part in _parts(message):
            if part["type"] == "image_url":
                return _decoded(str(part["image_url"].get("url")))
    return None


def _decoded(url: str) -> bytes:
    """Addresses are refused: a model of one's own would fetch them, from inside."""

    def refuse() -> Said:
        return _error(400, "Invalid image data.", "invalid_request_error", "invalid_base64")

    found = _DATA_URL.fullmatch(url)
    picture = from_base64(found[1] if found else None, refuse)
    size_of(picture, refuse)
    return picture


def _words(asked: dict[str, Any]) -> str:
    texts = (part.get("text", "") for message in asked["messages"] for part in _parts(message))
    return " ".join(texts)


def _completion(content: str | None, *, refusal: str | None = None, finish_reason: str = "stop") -> Said:
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal, "annotations": []}
    return in_json(
        200,
        {
            "id": "chatcmpl-stub",
            "object": "chat.completion",
            "created": 1_763_600_000,
            "model": MODEL,
            "choices": [{"index": 0, "finish_reason": finish_reason, "logprobs": None, "message": message}],
            "usage": {"prompt_tokens": 1117, "completion_tokens": 46, "total_tokens": 1163},
        },
        x_ratelimit_remaining_requests="59",
        x_ratelimit_reset_requests="1s",
    )


def _wrong_key() -> Said:
    return _error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")


def _invalid(message: str) -> Said:
    return _error(400, message, "invalid_request_error")


def _error(status: int, message: str, kind: str, code: str | None = None) -> Said:
    return in_json(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})
