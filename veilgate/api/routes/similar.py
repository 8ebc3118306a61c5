"""Finding images by how they look."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from veilgate.api.container import Owner, Parts
from veilgate.api.direct_route import DirectRoute
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.query_receiving import received_query
from veilgate.api.schemas.answers import Problem
from veilgate.api.schemas.requests import IMAGE_URL
from veilgate.api.schemas.similar import DuplicatesAnswer, SimilarAnswer
from veilgate.api.similar_parameters import IN_QUERY, MEMBERS, from_address, read_wanted
from veilgate.domain.cursors import LONGEST_CURSOR
from veilgate.services.finding.duplicates import DuplicateGroup
from veilgate.services.finding.similarity import Likeness, SimilarPage
from veilgate.services.images.image_links import ImageLinks

router = APIRouter(tags=["search"], route_class=GuardedRoute)

_MOST_GROUPS = 100
_LARGEST_MIN_SIZE = 1_000_000
_SCORE_DIGITS = 6
_FILE = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "properties": {"file": _FILE, "image_url": IMAGE_URL, **MEMBERS}}
_JSON = {
    "type": "object",
    "required": ["image_url"],
    "properties": {"image_url": IMAGE_URL, **MEMBERS},
    "additionalProperties": False,
}
_BODY = {
    "required": True,
    "content": {"multipart/form-data": {"schema": _FORM}, "application/json": {"schema": _JSON}},
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem} for status in statuses}


async def similar(image_id: str, request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Images of yours that look like this one, the likest first; itself is not among them.

    With filters, `k` images are `k` of those that pass. Pages lead to the 1000 likest.
    """
    wanted = await read_wanted(from_address(request.query_params.multi_items()))
    look = partial(parts.finding.similarity.like_image, image_id, owner, wanted)
    return JSONResponse(described(await parts.finding.search_places.run(look), parts.links))


router.add_api_route(
    "/images/{image_id}/similar",
    similar,
    response_model=SimilarAnswer,
    responses=_problems(404, 422, 503),
    openapi_extra={"parameters": IN_QUERY},
    route_class_override=DirectRoute,
)


@router.post(
    "/search",
    response_model=SimilarAnswer,
    responses=_problems(413, 415, 422, 503, 507),
    openapi_extra={"parameters": IN_QUERY, "requestBody": _BODY},
)
async def search(request: Request, parts: Parts, owner: Owner) -> JSONResponse:
    """Images of yours that look like a picture that is sent, or is at an address, and is kept nowhere.

    It is judged as an upload is. What else is asked for comes in the address or beside the picture.
    """
    given = from_address(request.query_params.multi_items())
    async with received_query(request, parts, given) as file:
        wanted = await read_wanted(given)

        def look_at() -> Likeness:
            with file.hand_over() as received:
                return parts.finding.query_pictures.likeness(received, owner)

        likeness = await parts.finding.picture_places.run(look_at)
    page = await parts.finding.search_places.run(partial(parts.finding.similarity.like, likeness, wanted))
    return JSONResponse(described(page, parts.links))


@router.get("/duplicates", response_model=DuplicatesAnswer, responses=_problems(422))
def duplicates(
    parts: Parts,
    owner: Owner,
    *,
    min_size: Annotated[
        int, Query(ge=2, le=_LARGEST_MIN_SIZE, description="Only groups of so many images.")
    ] = 2,
    limit: Annotated[int, Query(ge=1, le=_MOST_GROUPS, description="How many groups.")] = 20,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_CURSOR, description="The `next` of the page before.")
    ] = None,
) -> JSONResponse:
    """Images of yours that look nearly the same, in groups, those that began last first."""
    page = parts.finding.duplicates.page(owner, min_size=min_size, limit=limit, cursor=cursor)
    return JSONResponse(
        {"groups": [_described_group(group, parts.links) for group in page.groups], "next": page.next}
    )


def described(page: SimilarPage, links: ImageLinks) -> dict[str, Any]:
    hits = [
        {
            "image_id": hit.image.image_id,
            "score": round(hit.score, _SCORE_DIGITS),
            "filename": hit.image.filename,
            "file_size": hit.image.file_size,
            "created_at": hit.image.created_at_ms // 1000,
            **links.of(
                hit.image.image_id,
                hit.image.result_key,
                has_original=hit.image.original_dropped_at_ms is None,
            ),
        }
        for hit in page.hits
    ]
    return {
        "model": page.model_id,
        "exactness": page.exactness,
        "candidates": page.candidates,
        "hits": hits,
        "next": page.next,
    }


def _described_group(group: DuplicateGroup, links: ImageLinks) -> dict[str, Any]:
    images = [
        {
            "image_id": image.image_id,
            "filename": image.filename,
            "file_size": image.file_size,
            "created_at": image.created_at_ms // 1000,
            "near_duplicate_of": image.near_duplicate_of
            and {
                "image_id": image.near_duplicate_of,
                "score": round(image.score or 0.0, _SCORE_DIGITS),
            },
            **links.of(image.image_id, image.result_key, has_original=image.original_dropped_at_ms is None),
        }
        for image in group.images
    ]
    return {
        "group_id": group.group_id,
        "count": group.count,
        "images": images,
        "more": group.count - len(images),
    }
