"""What the description of the API says of refusals: one form for all, and those that any call may meet."""

from http import HTTPStatus
from typing import Any

from veilgate.api.problems import MEDIA_TYPE
from veilgate.api.schemas.answers import Problem

_NAME = "Problem"
_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{_NAME}"}}}
# FastAPI's own forms of a refusal, which nobody gets here.
_FOREIGN = ("HTTPValidationError", "ValidationError")
_OF_ALL = (431,)
_OF_CALLERS = (401, 403, 429, 503)
_OF_BODIES = (400, 408, 413, 415)
_FIRST_REFUSAL = 400


def describe_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The same OpenAPI document, true about errors. It may be given twice."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas[_NAME] = Problem.model_json_schema()
    for name in _FOREIGN:
        schemas.pop(name, None)
    for operations in document["paths"].values():
        for operation in operations.values():
            _describe(operation)
    return document


def _describe(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    met = {status for status in responses if status.isdecimal() and int(status) >= _FIRST_REFUSAL}
    met |= {str(status) for status in _OF_ALL}
    if operation.get("security"):
        met |= {str(status) for status in _OF_CALLERS}
    if "requestBody" in operation:
        met |= {str(status) for status in _OF_BODIES}
    for status in sorted(met):
        responses[status] = {"description": HTTPStatus(int(status)).phrase, "content": _CONTENT}
