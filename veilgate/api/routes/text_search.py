"""Finding images by words."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from veilgate.api.container import Owner, Parts
from veilgate.api.filter_parameters import Filters
from veilgate.api.guarded_route import GuardedRoute
from veilgate.api.routes.similar import described
from veilgate.api.schemas.answers import Problem
from veilgate.api.schemas.images import TextSearchAnswer
from veilgate.api.schemas.similar import SimilarAnswer
from veilgate.domain.cursors import LONGEST_CURSOR
from veilgate.services.finding.similarity import SimilarWanted
from veilgate.services.finding.text_search import LONGEST_QUERY, WordsWanted

router = APIRouter(tags=["search"], route_class=GuardedRoute)

_MOST_HITS = 200
_PROBLEMS: dict[int | str, dict[str, Any]] = {status: {"model": Problem} for status in (422, 503)}


@router.get("/search", response_model=TextSearchAnswer | SimilarAnswer, responses=_PROBLEMS)
async def search(
    q: Annotated[str, Query(min_length=1, max_length=LONGEST_QUERY, description="The words to look for.")],
    parts: Parts,
    owner: Owner,
    filters: Filters,
    *,
    k: Annotated[int, Query(ge=1, le=_MOST_HITS, description="How many images.")] = 10,
    by: Annotated[
        Literal["words", "likeness"],
        Query(description="`likeness`: by what pictures show, where the model that serves also reads texts."),
    ] = "words",
    min_score: Annotated[
        float | None,
        Query(ge=0, le=1, allow_inf_nan=False, description="Only images that are found so well."),
    ] = None,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_CURSOR, description="The `next` of the page before.")
    ] = None,
) -> JSONResponse:
    """Images of yours with these words in their file names, tags or descriptions, the best first: with more
    of the words, then found as they are, begun so, of like meaning, or of like spelling; then the newest."""
    if by == "likeness":
        alike = SimilarWanted(k, filters, -1.0 if min_score is None else min_score, cursor)
        page = await parts.finding.search_places.run(partial(parts.finding.query_texts.like, q, owner, alike))
        return JSONResponse(described(page, parts.links))
    wanted = WordsWanted(q, k, filters, min_score or 0.0, cursor)
    look = partial(parts.finding.text_search.search, owner, wanted)
    return JSONResponse(await parts.finding.text_places.run(look))
