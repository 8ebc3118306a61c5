"""The settings of lookups and webhooks: whom the house asks, what that may cost, and whom it tells."""

from typing import Annotated

from pydantic import Field, SecretStr

from veilgate.settings.group import Group


class LookupSettings(Group):
    """Who is asked what a picture shows, and what that may cost. A provider without its key is not asked."""

    google_vision_api_key: SecretStr = Field(
        SecretStr(""), description="Key of Google Cloud Vision; empty = not asked."
    )
    google_vision_url: str = Field(
        "https://vision.googleapis.com", description="Where Google Cloud Vision is reached."
    )
    serpapi_api_key: SecretStr = Field(
        SecretStr(""), description="Key of SerpApi, for Google Lens and Google Shopping; empty = not asked."
    )
    serpapi_url: str = Field("https://serpapi.com", description="Where SerpApi is reached.")
    ebay_client_id: str = Field("", description="App id at eBay, for the Browse API; empty = not asked.")
    ebay_client_secret: SecretStr = Field(SecretStr(""), description="Secret of EBAY_CLIENT_ID.")
    ebay_marketplace: str = Field(
        "EBAY_US",
        description="Marketplace asked; by picture only EBAY_US, EBAY_GB, EBAY_DE and EBAY_AU work.",
    )
    ebay_url: str = Field("https://api.ebay.com", description="Where eBay is reached.")
    azure_vision_endpoint: str = Field(
        "",
        description="Azure Image Analysis, as https://name.cognitiveservices.azure.com; empty = not asked.",
    )
    azure_vision_key: SecretStr = Field(SecretStr(""), description="Key of AZURE_VISION_ENDPOINT.")
    vision_model_url: str = Field(
        "",
        description="An OpenAI-compatible vision model, as https://api.openai.com/v1 or "
        "http://127.0.0.1:11434/v1; empty = not asked.",
    )
    vision_model_name: str = Field("", description="Which model VISION_MODEL_URL is asked for.")
    vision_model_api_key: SecretStr = Field(
        SecretStr(""), description="Key of VISION_MODEL_URL; a server of one's own mostly needs none."
    )
    lookup_country: str = Field(
        "us", pattern="^[a-z]{2}$", description="Country in which prices are looked for, as two letters."
    )
    lookup_language: str = Field(
        "en", pattern="^[a-z]{2}$", description="Language in which providers are to answer, as two letters."
    )
    lookup_limits: str = Field(
        "",
        description="Other limits and prices of providers than docs/lookups.md says, as "
        "`serpapi.per_second=5,google_vision.usd_per_call=0.004`.",
    )
    lookup_daily_usd: Annotated[float, Field(ge=0)] = Field(
        10.0, description="US dollars that all providers together may cost in a day (UTC); 0 = no limit."
    )
    lookup_cache_hours: Annotated[float, Field(ge=0, le=8760)] = Field(
        24.0, description="How long answers of providers are kept for the same question, in hours; 0 = not."
    )
    lookup_timeout_s: Annotated[float, Field(ge=1, le=600)] = Field(
        60.0, description="Longest that one lookup may take; what has not answered by then is left out."
    )
    lookup_patience_s: Annotated[float, Field(ge=0.1, le=600)] = Field(
        10.0,
        description="How long the product's name waits for providers that have not answered, once one has; "
        "longer for a slow model of your own.",
    )
    max_lookups_in_flight: Annotated[int, Field(ge=1, le=2000)] = Field(
        200, description="Lookups that one worker has under way at a time."
    )
    link_s: Annotated[int, Field(ge=60, le=86_400)] = Field(
        900, description="How long a link to a veiled copy works that a provider is given, in seconds."
    )


class WebhookSettings(Group):
    """Whom the house tells of events."""

    webhook_allow: str = Field(
        "",
        description="Addresses in private networks that webhooks may lead to, as 10.1.0.0/16:8080, with "
        "commas; what is public needs no entry.",
    )
    webhook_give_up_hours: Annotated[float, Field(ge=0.001, le=720)] = Field(
        24.0, description="How long a delivery is tried again before it is given up, in hours."
    )
    webhook_log_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        7, description="How long the log of deliveries is kept, in days."
    )
