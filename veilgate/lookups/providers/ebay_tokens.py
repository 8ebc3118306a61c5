"""The token that eBay's Browse API wants: minted with the app's secret, and good for two hours.

No more than 1,000 may be minted in a day, so all who ask share one; it is in this process alone, and is kept
nowhere.
"""

import asyncio
import hashlib
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from veilgate.domain.lookups import Asked, Bill
from veilgate.domain.provider_errors import KeyRefused, LookupFailed, ProviderBroken, ProviderThrottled
from veilgate.lookups.providers.json_reading import number, text
from veilgate.lookups.providers.judging import failure_of, require_object, said_of
from veilgate.lookups.questions import Asks, Question, Reply

NAME = "ebay_token"
_SCOPE = "https://api.ebay.com/oauth/api_scope"
_LIVES_S = 7200.0
# So long before its end it is taken for over: a search takes a while, and clocks differ.
_EARLY_S = 300.0


class EbayTokens:
    """For one event loop. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        asks: Asks,
        *,
        url: str,
        client_id: str,
        client_secret: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asks = asks
        self._url = f"{url.rstrip('/')}/identity/v1/oauth2/token"
        self._pair = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._client_digest = hashlib.sha256(client_id.encode()).hexdigest()
        self._clock = clock
        self._token = ""
        self._over_at_s = 0.0
        self._minting = asyncio.Lock()

    async def token(self, *, asked: Asked) -> tuple[str, Bill]:
        """A token that is good for a while, and what minting it came to; however many ask at a time, one is
        minted. Raises a `LookupFailed` leaf."""
        async with self._minting:
            if self._token and self._clock() < self._over_at_s:
                return self._token, Bill()
            bill = await self._mint(asked)
            return self._token, bill

    def drop(self, token: str) -> None:
        """It was refused; the next who asks mints another, if nobody has yet."""
        if token == self._token:
            self._token = ""

    async def _mint(self, asked: Asked) -> Bill:
        asked_at_s = self._clock()
        granted: list[tuple[str, float]] = []

        def judge(reply: Reply) -> Mapping[str, Any]:
            """Keeps the token here, and gives nothing that others might keep."""
            granted.append(_grant(reply))
            return {}

        told = await self._asks.ask(self._question(), judge, asked=asked)
        if not granted:
            raise ProviderBroken("No token was minted.")
        self._token, lives_s = granted[-1]
        self._over_at_s = asked_at_s + max(lives_s - _EARLY_S, lives_s / 2)
        return told.bill

    def _question(self) -> Question:
        wanted = {"grant_type": "client_credentials", "scope": _SCOPE}
        return Question(
            NAME,
            self._url,
            self._client_digest,
            uuid4().hex,  # never the same question as an earlier one
            headers={
                "Authorization": f"Basic {self._pair}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode(wanted).encode(),
        )


def _grant(reply: Reply) -> tuple[str, float]:
    if reply.status != 200:
        raise _refusal(reply)
    document = require_object(reply)
    token, lives_s = document.get("access_token"), number(document.get("expires_in"))
    if not isinstance(token, str) or not token.isprintable() or not token:
        raise ProviderBroken("It answered with no token.")
    return token, lives_s if lives_s and lives_s > 0 else _LIVES_S


def _refusal(reply: Reply) -> LookupFailed:
    named = text(reply.document.get("error")) if isinstance(reply.document, dict) else None
    if reply.status == 400 and named in {"invalid_client", "invalid_scope", "unauthorized_client"}:
        return KeyRefused(said_of(reply, named=named))
    if reply.status == 429:
        return ProviderThrottled(said_of(reply, named=named))
    return failure_of(reply, named=named)
