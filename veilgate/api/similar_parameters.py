"""How callers say which similar images they want: the same names and ranges in addresses, forms and JSON."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError, create_model

from veilgate.api.filter_parameters import filters_of
from veilgate.domain.cursors import LONGEST_CURSOR
from veilgate.domain.rejections import InvalidOption, UnknownField
from veilgate.services.finding.similarity import SimilarWanted

MOST_HITS = 200


class _Page(BaseModel):
    k: Annotated[int, Field(ge=1, le=MOST_HITS, description="How many images.")] = 10
    min_score: Annotated[
        float, Field(ge=-1, le=1, allow_inf_nan=False, description="Only images that are at least so like.")
    ] = -1.0
    cursor: Annotated[
        str | None, Field(max_length=LONGEST_CURSOR, description="The `next` of the page before.")
    ] = None


_FILTERS: dict[str, Any] = {
    each.name: (each.annotation, each.default) for each in inspect.signature(filters_of).parameters.values()
}
_Wanted: type[BaseModel] = create_model("SimilarWanted", __base__=_Page, **_FILTERS)
_REPEATED = "tag"


async def read_wanted(given: Mapping[str, Any]) -> SimilarWanted:
    """What these parameters ask for; others are passed over. Raises `RequestValidationError`."""
    if not given:
        return SimilarWanted()
    try:
        values = _Wanted.model_validate(given).model_dump()
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise RequestValidationError([{**one, "loc": ("query", *one["loc"])} for one in found]) from None
    page = {name: values.pop(name) for name in _Page.model_fields}
    return SimilarWanted(filters=await filters_of(**values), **page)


def from_address(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Of a parameter that comes twice the last counts, except for tags, which must all be there."""
    given: dict[str, Any] = {}
    for name, value in pairs:
        if name == _REPEATED:
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    return given


def add_member(given: dict[str, Any], name: str, value: Any) -> None:
    """A field of a form, or a member of JSON. Raises `UnknownField` or `InvalidOption`."""
    if name not in _Wanted.model_fields:
        known = ", ".join(_Wanted.model_fields)
        raise UnknownField(f"Unknown member {name[:60]!r}; known are: {known}.")
    if name == _REPEATED:
        given.setdefault(name, []).extend(value if isinstance(value, list) else [value])
    elif name in given:
        raise InvalidOption(f"{name} was given twice.")
    else:
        given[name] = value


def _described(name: str) -> dict[str, Any]:
    """Without what pydantic says of a parameter that may be left out: its null cannot be sent."""
    schema = dict(_Wanted.model_json_schema()["properties"][name])
    for choice in schema.pop("anyOf", []):
        if choice != {"type": "null"}:
            schema |= choice
    schema.pop("title")
    if schema.get("default") is None:
        schema.pop("default", None)
    return schema


MEMBERS: dict[str, Any] = {name: _described(name) for name in _Wanted.model_fields}
IN_QUERY: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "query",
        "description": schema.get("description", ""),
        "schema": {key: value for key, value in schema.items() if key != "description"},
    }
    for name, schema in MEMBERS.items()
]
