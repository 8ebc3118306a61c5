"""Settings to whatever a gateway finds images with."""

from contextlib import ExitStack

from config import Config
from veilgate.api.container import Finding
from veilgate.api.search_places import SearchPlaces
from veilgate.persistence.unit_of_work import Database
from veilgate.services.finding.duplicates import Duplicates
from veilgate.services.finding.query_pictures import QueryPictures
from veilgate.services.finding.query_texts import QueryTexts
from veilgate.services.finding.similarity import Similarity
from veilgate.services.finding.synonyms import Synonyms
from veilgate.services.finding.text_search import TextSearch
from veilgate.services.images.browse import Browse
from veilgate.services.images.image_links import ImageLinks
from veilgate.services.uploads.intake import Intake
from veilgate.wiring.resources import open_search_client

# Threads beside the 40 that requests have. Pictures have their own, because the search server looks longer
# at them.
_SEARCHES_AT_ONCE = 8
_QUERY_PICTURES_AT_ONCE = 4
# They work in the database: fewer than a gateway has connections to it, of which uploads need some.
_TEXT_SEARCHES_AT_ONCE = 4
# It answers within milliseconds, or is away.
_SEARCH_TIMEOUT_S = 2.0
# There is a list to fall back to.
_SYNONYMS_TIMEOUT_S = 0.3


def open_finding(
    config: Config, stack: ExitStack, database: Database, *, intake: Intake, links: ImageLinks
) -> Finding:
    search = open_search_client(config, stack, timeout_s=_SEARCH_TIMEOUT_S)
    synonyms = Synonyms(open_search_client(config, stack, timeout_s=_SYNONYMS_TIMEOUT_S))
    similarity = Similarity(database, search)
    browse = Browse(database, links)
    return Finding(
        browse=browse,
        similarity=similarity,
        query_pictures=QueryPictures(intake, search),
        query_texts=QueryTexts(similarity, search),
        text_search=TextSearch(database, browse, synonyms),
        duplicates=Duplicates(database),
        search_places=_places(stack, _SEARCHES_AT_ONCE, name="search"),
        text_places=_places(stack, _TEXT_SEARCHES_AT_ONCE, name="text-search"),
        picture_places=_places(stack, _QUERY_PICTURES_AT_ONCE, name="query-picture"),
    )


def _places(stack: ExitStack, count: int, *, name: str) -> SearchPlaces:
    places = SearchPlaces(count, name=name)
    stack.callback(places.close)
    return places
