"""A model that answers with one JSON object: any server that speaks as OpenAI's does."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from veilgate.domain.lookups import Asked, SentPicture
from veilgate.lookups.providers.chat_answers import judge_of
from veilgate.lookups.providers.judging import ask_or_else
from veilgate.lookups.questions import Asks, Question, Told

# Far more than an answer has; a model that thinks first may need more, and gets it the second time.
_MOST_TOKENS = 1000
# Its newer models refuse the name that everybody else knows.
_OPENAI = "api.openai.com"


@dataclass(frozen=True, slots=True)
class Prompt:
    """`version` is changed with `system` or `properties`, so that no older answer is taken for one to them.
    `properties` are JSON Schema's, all required; `read` makes of an answer what is kept of it, and raises
    `ProviderBroken` for what is none."""

    version: str
    system: str
    properties: Mapping[str, Any]
    read: Callable[[Mapping[str, Any]], Mapping[str, Any]]


class ChatModel:
    def __init__(self, asks: Asks, *, provider: str, url: str, model: str, key: str) -> None:
        self._asks = asks
        self._provider = provider
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._headers = {"Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        is_openai = urlsplit(url).hostname == _OPENAI
        self._limit = {"max_completion_tokens" if is_openai else "max_tokens": _MOST_TOKENS}

    async def see(self, prompt: Prompt, picture: SentPicture, *, asked: Asked) -> Told:
        address = f"data:{picture.media_type};base64,{b64encode(picture.data).decode()}"
        content = [{"type": "image_url", "image_url": {"url": address}}]
        return await self._put(prompt, content, picture.sha256, asked)

    async def read(self, prompt: Prompt, text: str, *, asked: Asked) -> Told:
        return await self._put(prompt, text, hashlib.sha256(text.encode()).hexdigest(), asked)

    async def _put(self, prompt: Prompt, content: Any, sent_sha256: str, asked: Asked) -> Told:
        """Held to the schema first. A server that cannot, or a model that was cut off, is asked once more
        with the words of the prompt alone."""
        messages = {
            "model": self._model,
            "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": content}],
        }
        strict = messages | self._limit | {"response_format": _response_format(prompt)}
        return await ask_or_else(
            lambda: self._asks.ask(
                self._question(prompt, strict, sent_sha256), judge_of(prompt.read, is_last=False), asked=asked
            ),
            lambda: self._asks.ask(
                self._question(prompt, messages, sent_sha256),
                judge_of(prompt.read, is_last=True),
                asked=asked,
            ),
        )

    def _question(self, prompt: Prompt, document: Mapping[str, Any], sent_sha256: str) -> Question:
        return Question(
            self._provider,
            self._url,
            sent_sha256,
            f"{prompt.version} of {self._model} at {self._url}",
            headers=self._headers,
            body=json.dumps(document).encode(),
        )


def _response_format(prompt: Prompt) -> Mapping[str, Any]:
    schema = {
        "type": "object",
        "properties": prompt.properties,
        "required": list(prompt.properties),
        "additionalProperties": False,
    }
    name = prompt.version.partition(" ")[0]
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}
