"""Which providers there are, what turns each on, and how they are built. A new one is a row here, one
in provider_policies.py, and its settings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

from veilgate.lookups.ports import PictureProvider, Refiner, TextProvider
from veilgate.lookups.providers import (
    azure_vision,
    ebay_image,
    ebay_search,
    google_lens,
    google_shopping,
    google_vision,
    vision_model,
)
from veilgate.lookups.providers.chat_model import ChatModel
from veilgate.lookups.providers.ebay import Ebay
from veilgate.lookups.providers.ebay_tokens import EbayTokens
from veilgate.lookups.providers.model_refiner import ModelRefiner
from veilgate.lookups.providers.serpapi import SerpApi
from veilgate.lookups.questions import Asks

P = TypeVar("P", bound=PictureProvider | TextProvider)


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """Keys and addresses, by the names of the settings; empty = not set."""

    google_vision_api_key: str = field(default="", repr=False)
    google_vision_url: str = ""
    serpapi_api_key: str = field(default="", repr=False)
    serpapi_url: str = ""
    ebay_client_id: str = ""
    ebay_client_secret: str = field(default="", repr=False)
    ebay_marketplace: str = "EBAY_US"
    ebay_url: str = ""
    azure_vision_endpoint: str = ""
    azure_vision_key: str = field(default="", repr=False)
    vision_model_url: str = ""
    vision_model_name: str = ""
    vision_model_api_key: str = field(default="", repr=False)
    lookup_country: str = "us"
    lookup_language: str = "en"


class Accounts:
    """What several providers share, made once and when one of them is built."""

    def __init__(self, settings: ProviderSettings, asks: Asks) -> None:
        self.settings = settings
        self.asks = asks

    @cached_property
    def serpapi(self) -> SerpApi:
        given = self.settings
        return SerpApi(
            url=given.serpapi_url,
            key=given.serpapi_api_key,
            country=given.lookup_country,
            language=given.lookup_language,
        )

    @cached_property
    def ebay(self) -> Ebay:
        given = self.settings
        tokens = EbayTokens(
            self.asks,
            url=given.ebay_url,
            client_id=given.ebay_client_id,
            client_secret=given.ebay_client_secret,
        )
        return Ebay(self.asks, tokens, url=given.ebay_url, marketplace=given.ebay_marketplace)

    @cached_property
    def model(self) -> ChatModel:
        given = self.settings
        return ChatModel(
            self.asks,
            provider=vision_model.NAME,
            url=given.vision_model_url,
            model=given.vision_model_name,
            key=given.vision_model_api_key,
        )


@dataclass(frozen=True, slots=True)
class Row(Generic[P]):
    """`enabled_by` are the settings that must be set, by their names in the environment; `unfit` names those
    that are set to what it cannot be asked with. `needs_link` is the provider's own."""

    name: str
    gives: str
    enabled_by: tuple[str, ...]
    build: Callable[[Accounts], P]
    unfit: Callable[[ProviderSettings], tuple[str, ...]] = lambda _settings: ()
    needs_link: bool = False

    def missing(self, settings: ProviderSettings) -> tuple[str, ...]:
        """The settings that keep it off."""
        unset = tuple(name for name in self.enabled_by if not getattr(settings, name.lower()))
        return unset or self.unfit(settings)

    def is_on(self, settings: ProviderSettings) -> bool:
        return not self.missing(settings)


PICTURE_PROVIDERS: tuple[Row[PictureProvider], ...] = (
    Row(
        google_vision.NAME,
        "pages with the picture, names, labels",
        ("GOOGLE_VISION_API_KEY",),
        lambda accounts: google_vision.GoogleVision(
            accounts.asks,
            url=accounts.settings.google_vision_url,
            key=accounts.settings.google_vision_api_key,
        ),
    ),
    Row(
        google_lens.NAME,
        "pages with what looks like it, names, prices",
        ("SERPAPI_API_KEY",),
        lambda accounts: google_lens.GoogleLens(accounts.asks, accounts.serpapi),
        needs_link=google_lens.GoogleLens.needs_link,
    ),
    Row(
        ebay_image.NAME,
        "offers of what looks like it, names",
        ("EBAY_CLIENT_ID", "EBAY_CLIENT_SECRET"),
        lambda accounts: ebay_image.EbayImage(accounts.ebay),
        lambda settings: (
            () if settings.ebay_marketplace in ebay_image.MARKETPLACES else ("EBAY_MARKETPLACE",)
        ),
    ),
    Row(
        azure_vision.NAME,
        "caption, labels",
        ("AZURE_VISION_ENDPOINT", "AZURE_VISION_KEY"),
        lambda accounts: azure_vision.AzureVision(
            accounts.asks,
            endpoint=accounts.settings.azure_vision_endpoint,
            key=accounts.settings.azure_vision_key,
        ),
    ),
    Row(
        vision_model.NAME,
        "caption, labels, names; chooses between names and prices",
        ("VISION_MODEL_URL", "VISION_MODEL_NAME"),
        lambda accounts: vision_model.VisionModel(accounts.model, language=accounts.settings.lookup_language),
    ),
)
TEXT_PROVIDERS: tuple[Row[TextProvider], ...] = (
    Row(
        google_shopping.NAME,
        "what shops ask, new and used",
        ("SERPAPI_API_KEY",),
        lambda accounts: google_shopping.GoogleShopping(accounts.asks, accounts.serpapi),
    ),
    Row(
        ebay_search.NAME,
        "offers of used ones",
        ("EBAY_CLIENT_ID", "EBAY_CLIENT_SECRET"),
        lambda accounts: ebay_search.EbaySearch(accounts.ebay),
    ),
)


@dataclass(frozen=True, slots=True)
class Providers:
    """Those that are on, in the order of the catalogue."""

    pictures: tuple[PictureProvider, ...]
    texts: tuple[TextProvider, ...]
    refiner: Refiner | None


def enabled(settings: ProviderSettings, asks: Asks) -> Providers:
    accounts = Accounts(settings, asks)
    pictures = tuple(row.build(accounts) for row in PICTURE_PROVIDERS if row.is_on(settings))
    has_model = any(provider.name == vision_model.NAME for provider in pictures)
    return Providers(
        pictures,
        tuple(row.build(accounts) for row in TEXT_PROVIDERS if row.is_on(settings)),
        ModelRefiner(accounts.model) if has_model else None,
    )


def names_enabled(settings: ProviderSettings) -> tuple[str, ...]:
    """Without building any."""
    return (
        *(row.name for row in PICTURE_PROVIDERS if row.is_on(settings)),
        *(row.name for row in TEXT_PROVIDERS if row.is_on(settings)),
    )


def settings_that_enable() -> tuple[str, ...]:
    """The first setting of each provider that is asked about pictures, for those who wonder why none is."""
    return tuple(dict.fromkeys(row.enabled_by[0] for row in PICTURE_PROVIDERS))
