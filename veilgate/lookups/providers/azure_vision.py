"""Azure Image Analysis 4.0: a caption, and what is in the picture."""

from collections.abc import Iterator, Mapping
from typing import Any

from veilgate.domain.lookups import Asked, Finding, Label, SentPicture
from veilgate.domain.provider_errors import LookupFailed, OutOfCredit, ProviderBroken, PutAnotherWay
from veilgate.lookups.ports import Answered, MakeLink
from veilgate.lookups.providers.json_reading import entries, entry, picked, share, text
from veilgate.lookups.providers.judging import ask_or_else, failure_of, require_object, said_of
from veilgate.lookups.questions import Asks, Question, Reply

NAME = "azure_vision"
_PATH = "/computervision/imageanalysis:analyze"
_VERSION = "2023-10-01"
# A caption names no man and no woman, who cannot be seen anyway.
_ALL = {"features": "caption,tags", "gender-neutral-caption": "true"}
_TAGS = {"features": "tags"}
_NO_VOLUME = "call volume quota"


class AzureVision:
    name = NAME
    needs_link = False

    def __init__(self, asks: Asks, *, endpoint: str, key: str) -> None:
        self._asks = asks
        self._url = f"{endpoint.rstrip('/')}{_PATH}"
        self._key = key

    async def ask(self, picture: SentPicture, _link: MakeLink | None, *, asked: Asked) -> Answered:
        # Where Azure has no captions it refuses the question as a whole.
        told = await ask_or_else(
            lambda: self._asks.ask(self._question(picture, _ALL, units=2), _judge_first, asked=asked),
            lambda: self._asks.ask(self._question(picture, _TAGS, units=1), _judge, asked=asked),
        )
        return Answered(_finding(entry(told.document)), told.bill)

    def _question(self, picture: SentPicture, wanted: Mapping[str, str], *, units: int) -> Question:
        """Every feature is billed by itself."""
        return Question(
            NAME,
            self._url,
            picture.sha256,
            # Where there are no captions, the tags are the answer to the question for both.
            f"api-version={_VERSION}&features={_ALL['features']}",
            query={"api-version": _VERSION, **wanted},
            headers={"Ocp-Apim-Subscription-Key": self._key, "Content-Type": "application/octet-stream"},
            body=picture.data,
            units=units,
        )


def _judge_first(reply: Reply) -> Mapping[str, Any]:
    if reply.status == 400:
        raise PutAnotherWay(said_of(reply, named=_code(reply)))
    return _judge(reply)


def _judge(reply: Reply) -> Mapping[str, Any]:
    if reply.status != 200:
        raise _refusal(reply)
    document = require_object(reply)
    if not {"captionResult", "tagsResult"} & set(document):
        raise ProviderBroken("It answered with neither caption nor tags.")
    tags = entries(entry(document.get("tagsResult")).get("values"))
    return {
        "captionResult": picked(document.get("captionResult"), "text"),
        "tagsResult": {"values": [picked(row, "name", "confidence") for row in tags]},
    }


def _refusal(reply: Reply) -> LookupFailed:
    message = text(entry(entry(reply.document).get("error")).get("message")) or ""
    if reply.status in {403, 429} and _NO_VOLUME in message.lower():
        return OutOfCredit(said_of(reply, named="quota"))
    return failure_of(reply, named=_code(reply))


def _code(reply: Reply) -> Any:
    error = entry(entry(reply.document).get("error"))
    return entry(error.get("innererror")).get("code") or error.get("code")


def _finding(answer: Mapping[str, Any]) -> Finding:
    caption = text(entry(answer.get("captionResult")).get("text"))
    return Finding(
        NAME, caption=caption, labels=tuple(_labels(entry(answer.get("tagsResult")).get("values")))
    )


def _labels(rows: Any) -> Iterator[Label]:
    for row in entries(rows):
        if name := text(row.get("name")):
            yield Label(name, share(row.get("confidence")))
