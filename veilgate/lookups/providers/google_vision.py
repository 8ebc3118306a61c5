"""Google Cloud Vision: which pages of the web have this picture, and what is in it."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from veilgate.domain.lookups import (
    Asked,
    Finding,
    FoundPage,
    Label,
    PageMatch,
    ProductName,
    SentPicture,
)
from veilgate.domain.provider_errors import (
    KeyRefused,
    LookupFailed,
    OutOfCredit,
    ProviderBroken,
    ProviderDown,
    ProviderThrottled,
    QuestionRefused,
)
from veilgate.lookups.ports import Answered, MakeLink
from veilgate.lookups.providers.json_reading import (
    MOST_ROWS,
    entries,
    entry,
    picked,
    plain_text,
    share,
    text,
    web_address,
)
from veilgate.lookups.providers.judging import failure_of, require_object, said_of
from veilgate.lookups.providers.sureness import by_rank
from veilgate.lookups.questions import Asks, Question, Reply

NAME = "google_vision"
_FEATURES = (("WEB_DETECTION", MOST_ROWS), ("LABEL_DETECTION", 10), ("LOGO_DETECTION", 5))
# Changed with what is asked, so that no older answer is taken for one to it.
_PARAMETERS = "web20,label10,logo5"
_FULL = "fullMatchingImages"
_BEST_GUESS, _BEST_ENTITY, _LOGO = 0.5, 0.6, 0.4
# Within an answer of status 200 an error has the number that it has in gRPC, and is about the picture: even
# 7, "permission denied", which the whole answer is when the key may not ask.
_BY_GRPC_CODE: Mapping[int, type[LookupFailed]] = {
    3: QuestionRefused,
    4: ProviderDown,
    7: QuestionRefused,
    8: ProviderThrottled,
    13: ProviderDown,
    14: ProviderDown,
    16: KeyRefused,
}


class GoogleVision:
    """Takes the bytes: by address it fails every now and then even where anybody can fetch."""

    name = NAME
    needs_link = False

    def __init__(self, asks: Asks, *, url: str, key: str) -> None:
        self._asks = asks
        self._url = f"{url.rstrip('/')}/v1/images:annotate"
        self._key = key

    async def ask(self, picture: SentPicture, _link: MakeLink | None, *, asked: Asked) -> Answered:
        told = await self._asks.ask(self._question(picture), _judge, asked=asked)
        return Answered(_finding(entry(told.document)), told.bill)

    def _question(self, picture: SentPicture) -> Question:
        wanted = {
            "image": {"content": b64encode(picture.data).decode()},
            "features": [{"type": kind, "maxResults": most} for kind, most in _FEATURES],
        }
        return Question(
            NAME,
            self._url,
            picture.sha256,
            _PARAMETERS,
            headers={"X-goog-api-key": self._key, "Content-Type": "application/json"},
            body=json.dumps({"requests": [wanted]}).encode(),
        )


def _judge(reply: Reply) -> Mapping[str, Any]:
    if reply.status != 200:
        raise _refusal(reply)
    answers = entries(require_object(reply).get("responses"))
    if not answers:
        raise ProviderBroken("It answered about no picture.")
    if error := entry(answers[0].get("error")):
        code = _grpc_code(error.get("code"))
        raise _BY_GRPC_CODE.get(code, ProviderBroken)(f"It answered with error {code} about the picture.")
    return _kept(answers[0])


def _kept(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    web = entry(answer.get("webDetection"))
    pages = entries(web.get("pagesWithMatchingImages"))
    return {
        "webDetection": {
            "webEntities": _rows(web.get("webEntities"), "description"),
            "bestGuessLabels": _rows(web.get("bestGuessLabels"), "label"),
            "pagesWithMatchingImages": [
                # Whether there is one is all that is asked of them.
                {**picked(row, "url", "pageTitle"), _FULL: _rows(row.get(_FULL), "url")[:1]}
                for row in pages
            ],
        },
        "labelAnnotations": _rows(answer.get("labelAnnotations"), "description", "score"),
        "logoAnnotations": _rows(answer.get("logoAnnotations"), "description", "score"),
    }


def _rows(rows: Any, *names: str) -> list[dict[str, Any]]:
    return [picked(row, *names) for row in entries(rows)]


def _refusal(reply: Reply) -> LookupFailed:
    error = entry(entry(reply.document).get("error"))
    details = entries(error.get("details"))
    reason = next((text(detail.get("reason")) for detail in details if "reason" in detail), None)
    message = text(error.get("message")) or ""
    said = said_of(reply, named=reason or error.get("status"))
    if reply.status == 400 and (reason == "API_KEY_INVALID" or "API key" in message):
        return KeyRefused(said)
    limits = " ".join(str(entry(detail.get("metadata")).get("quota_limit")) for detail in details)
    if reply.status == 429 and ("per day" in message.lower() or "PerDay" in limits):
        return OutOfCredit(said)
    return failure_of(reply, named=reason or error.get("status"))


def _grpc_code(code: Any) -> int:
    """-1 for what is none."""
    return int(code) if isinstance(code, int | str) and str(code).isdecimal() and len(str(code)) < 4 else -1


def _finding(answer: Mapping[str, Any]) -> Finding:
    web = entry(answer.get("webDetection"))
    labels = [*_labels(answer.get("labelAnnotations")), *_entities(web)]
    return Finding(
        NAME,
        labels=tuple(dict.fromkeys(labels))[:MOST_ROWS],
        names=(*_guesses(web), *_entity_names(web), *_logos(answer))[:MOST_ROWS],
        pages=tuple(_pages(web)),
    )


def _labels(rows: Any) -> Iterator[Label]:
    for row in entries(rows):
        if name := text(row.get("description")):
            yield Label(name, share(row.get("score")))


def _entities(web: Mapping[str, Any]) -> Iterator[Label]:
    """Their scores are on no scale, and not comparable between pictures: only their order counts."""
    for row in entries(web.get("webEntities")):
        if name := text(row.get("description")):
            yield Label(name)


def _entity_names(web: Mapping[str, Any]) -> Iterator[ProductName]:
    for rank, label in enumerate(_entities(web)):
        yield ProductName(label.text, by_rank(_BEST_ENTITY, rank))


def _guesses(web: Mapping[str, Any]) -> Iterator[ProductName]:
    for row in entries(web.get("bestGuessLabels")):
        if guess := text(row.get("label")):
            yield ProductName(guess, _BEST_GUESS)


def _logos(answer: Mapping[str, Any]) -> Iterator[ProductName]:
    """A logo is a maker, and no product."""
    for row in entries(answer.get("logoAnnotations")):
        if make := text(row.get("description")):
            yield ProductName(make, round(_LOGO * (share(row.get("score")) or 0.5), 3), make=make)


def _pages(web: Mapping[str, Any]) -> Iterator[FoundPage]:
    for row in entries(web.get("pagesWithMatchingImages")):
        if address := web_address(row.get("url")):
            title = plain_text(row.get("pageTitle")) or ""
            is_full = bool(entries(row.get(_FULL)))
            yield FoundPage(address, title, PageMatch.FULL if is_full else PageMatch.PARTIAL)
