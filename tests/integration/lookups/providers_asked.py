"""Every provider's adapter over real calls, with paces that no test waits for."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from uuid import uuid4

from PIL import Image
from redis.asyncio import Redis

from tests.stubs import azure_vision, ebay, google_vision, openai_compatible, serpapi
from tests.stubs.serving import Stubs
from veilgate.domain.lookups import Asked, SentPicture
from veilgate.domain.provider_errors import LookupFailed
from veilgate.lookups.answer_cache import AnswerCache
from veilgate.lookups.budgets import DailyBudget
from veilgate.lookups.calls import Calls
from veilgate.lookups.catalogue import ProviderSettings, enabled
from veilgate.lookups.ports import Answered, PictureProvider, TextProvider
from veilgate.lookups.provider_policies import read_policies

ACCOUNTS = ("google_vision", "serpapi", "ebay", "azure_vision", "vision_model")
NAMES = (
    "google_vision", "google_lens", "ebay_image", "azure_vision", "vision_model", "google_shopping",
    "ebay_search",
)  # fmt: skip
# What was asked and paid in vain: never to be read in an error or in a log.
SECRETS = (
    google_vision.KEY, serpapi.KEY, ebay.CLIENT_SECRET, azure_vision.KEY, openai_compatible.KEY, "v^1.1#",
)  # fmt: skip
# A machine that does much else answers late.
_TIMEOUT_S = 10.0

Said = Answered | LookupFailed


def limits(*, timeout_s: float = _TIMEOUT_S, longest_pause_s: float = 0.05) -> str:
    """The table as it is, but quick. A token is never what is waited for."""
    pauses = ("first_pause_s=0.01", f"longest_pause_s={longest_pause_s}")
    asked = [f"{name}.{limit}" for name in NAMES for limit in (f"timeout_s={timeout_s}", *pauses)]
    minting = [f"ebay_token.{limit}" for limit in (f"timeout_s={_TIMEOUT_S}", *pauses)]
    return ",".join([*asked, *minting, *(f"{account}.per_second=1000" for account in ACCOUNTS)])


def a_picture(number: int = 0) -> SentPicture:
    """Each number's is unlike the others."""
    spool = io.BytesIO()
    Image.new("RGB", (64, 64), (number % 256, number // 256, 77)).save(spool, "PNG")
    data = spool.getvalue()
    return SentPicture(data, hashlib.sha256(data).hexdigest(), "image/png", 64, 64)


@dataclass
class Providers:
    """`link` is where Lens finds the picture."""

    pictures: dict[str, PictureProvider]
    texts: dict[str, TextProvider]
    link: str
    asked: Asked = field(default_factory=lambda: Asked("owner", uuid4().hex))

    async def ask(self, name: str, picture: SentPicture, text: str) -> Said:
        """What it says, or how it failed."""
        try:
            return await self._put(name, picture, text)
        except LookupFailed as error:
            return error

    def _put(self, name: str, picture: SentPicture, text: str) -> Awaitable[Answered]:
        if name in self.texts:
            return self.texts[name].ask(text, asked=self.asked)
        return self.pictures[name].ask(picture, self._make_link, asked=self.asked)

    async def ask_all(self, *, number: int = 0, text: str = "Acme Kestrel K2") -> dict[str, Said]:
        """Everybody at once."""
        said = await asyncio.gather(*(self.ask(name, a_picture(number), text) for name in NAMES))
        return dict(zip(NAMES, said, strict=True))

    async def _make_link(self) -> str:
        return self.link


@asynccontextmanager
async def providers_at(
    stubs: Stubs, redis_url: str, *, link: str, limits: str = limits(), most_usd: float = 0.0
) -> AsyncIterator[Providers]:
    policies = read_policies(limits)
    redis = Redis.from_url(redis_url)
    answers = AnswerCache(redis, longest_h=1)
    calls = Calls(
        policies,
        answers=answers,
        budget=DailyBudget(redis, policies, most_usd=most_usd, spent_on=lambda _day: {}),
    )
    try:
        on = enabled(_settings(stubs), calls)
        yield Providers({one.name: one for one in on.pictures}, {one.name: one for one in on.texts}, link)
    finally:
        await calls.aclose()
        await redis.aclose()


def _settings(stubs: Stubs) -> ProviderSettings:
    """As the house would read them from its environment."""
    known = {field.name for field in fields(ProviderSettings)}
    given = {name.lower(): value for name, value in stubs.settings().items()}
    return ProviderSettings(**{name: value for name, value in given.items() if name in known})
