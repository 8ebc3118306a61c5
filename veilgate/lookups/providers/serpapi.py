"""What Google Lens and Google Shopping have in common: one account at SerpApi, one way to fail."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from veilgate.domain.currencies import country_of
from veilgate.domain.provider_errors import (
    KeyRefused,
    LookupFailed,
    OutOfCredit,
    ProviderBroken,
    ProviderDown,
    QuestionRefused,
)
from veilgate.lookups.providers.json_reading import entry, text
from veilgate.lookups.providers.judging import failure_of, require_object, said_of
from veilgate.lookups.questions import Question, Reply

_OUT_OF_CREDIT = "run out of searches"
_EMPTY = "hasn't returned any results"


class SerpApi:
    def __init__(self, *, url: str, key: str, country: str, language: str) -> None:
        self._url = f"{url.rstrip('/')}/search"
        self._key = key
        self.country = country
        self.language = language

    def question(
        self,
        engine: str,
        wanted: Mapping[str, str],
        *,
        sent_sha256: str,
        subject: Mapping[str, str],
    ) -> Question:
        """`subject` is what is asked about, `sent_sha256` its digest, and `wanted` all else. SerpApi knows
        keys in the query only."""
        asked = {"engine": engine, **wanted, "hl": self.language}
        return Question(
            engine,
            self._url,
            sent_sha256,
            "&".join(f"{name}={value}" for name, value in sorted(asked.items())),
            method="GET",
            query={**asked, **subject, "api_key": self._key},
        )


def good_answer(reply: Reply) -> Mapping[str, Any]:
    """The document, empty where nothing was found. Raises a `LookupFailed` leaf."""
    document = entry(reply.document)
    said = document.get("error")
    if reply.status != 200:
        raise _refusal(reply, said)
    require_object(reply)
    if isinstance(said, str):
        if is_empty(reply):
            return {}
        raise _refusal(reply, said)
    if text(entry(document.get("search_metadata")).get("status")) not in {None, "Success", "Cached"}:
        raise ProviderDown("It did not finish the search.")
    return document


def is_empty(reply: Reply) -> bool:
    """Nothing found is said as an error, with status 200."""
    said = entry(reply.document).get("error")
    return reply.status == 200 and isinstance(said, str) and _EMPTY in said


def place_of(address: str, *, otherwise: str) -> str:
    """Whose `$` is meant there: where the shop is at home, if its address says so."""
    return country_of(urlsplit(address).hostname or "") or otherwise


def _refusal(reply: Reply, said: Any) -> LookupFailed:
    words = said if isinstance(said, str) else ""
    if _OUT_OF_CREDIT in words:
        return OutOfCredit(said_of(reply, named="out_of_searches"))
    # There a 403 is about the account alone.
    if reply.status == 403 and words:
        return KeyRefused(said_of(reply, named="no_permission"))
    if reply.status != 200:
        return failure_of(reply)
    if "Invalid API key" in words:
        return KeyRefused(said_of(reply, named="invalid_key"))
    if "Missing" in words or "Unsupported" in words:
        return QuestionRefused(said_of(reply, named="error"))
    return ProviderDown(said_of(reply, named="error")) if words else ProviderBroken()
