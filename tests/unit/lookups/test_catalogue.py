"""The catalogue: what turns a provider on, and that its rows say of each what it says of itself."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from tests.unit.lookups.providers.scripted_asks import ScriptedAsks, said
from veilgate.lookups.catalogue import (
    PICTURE_PROVIDERS,
    TEXT_PROVIDERS,
    Accounts,
    ProviderSettings,
    enabled,
    names_enabled,
    settings_that_enable,
)
from veilgate.lookups.provider_policies import read_policies

KEYS = {
    "google_vision": {"google_vision_api_key": "k"},
    "serpapi": {"serpapi_api_key": "k"},
    "ebay": {"ebay_client_id": "a", "ebay_client_secret": "k"},
    "azure": {"azure_vision_endpoint": "https://a.example", "azure_vision_key": "k"},
    "model": {"vision_model_url": "http://127.0.0.1/v1", "vision_model_name": "m"},
}


def with_keys(*vendors: str) -> ProviderSettings:
    return replace(ProviderSettings(), **{name: key for one in vendors for name, key in KEYS[one].items()})


@pytest.mark.parametrize(
    ("vendor", "names"),
    [
        ("google_vision", ("google_vision",)),
        ("serpapi", ("google_lens", "google_shopping")),
        ("ebay", ("ebay_image", "ebay_search")),
        ("azure", ("azure_vision",)),
        ("model", ("vision_model",)),
    ],
)
def test_each_is_turned_on_by_its_key(vendor: str, names: tuple[str, ...]) -> None:
    settings = with_keys(vendor)
    built = enabled(settings, ScriptedAsks(said({})))
    assert (
        (*(one.name for one in built.pictures), *(one.name for one in built.texts))
        == names
        == names_enabled(settings)
    )
    assert (built.refiner is not None) == (vendor == "model")


def test_nothing_is_on_by_itself() -> None:
    built = enabled(ProviderSettings(), ScriptedAsks(said({})))
    assert (built.pictures, built.texts, built.refiner) == ((), (), None)
    assert settings_that_enable() == (
        "GOOGLE_VISION_API_KEY",
        "SERPAPI_API_KEY",
        "EBAY_CLIENT_ID",
        "AZURE_VISION_ENDPOINT",
        "VISION_MODEL_URL",
    )


def test_a_marketplace_without_pictures_is_asked_by_text_alone() -> None:
    settings = replace(with_keys("ebay"), ebay_marketplace="EBAY_FR")
    assert names_enabled(settings) == ("ebay_search",)
    missing = {row.name: row.missing(settings) for row in PICTURE_PROVIDERS}
    assert missing["ebay_image"] == ("EBAY_MARKETPLACE",)
    assert missing["azure_vision"] == ("AZURE_VISION_ENDPOINT", "AZURE_VISION_KEY")


def test_ebay_by_picture_and_by_text_share_a_token() -> None:
    accounts = Accounts(with_keys("ebay"), ScriptedAsks(said({})))
    assert accounts.ebay is accounts.ebay


def test_rows_say_what_providers_say_of_themselves() -> None:
    accounts = Accounts(with_keys(*KEYS), ScriptedAsks(said({})))
    for row in PICTURE_PROVIDERS:
        provider = row.build(accounts)
        assert (provider.name, provider.needs_link) == (row.name, row.needs_link)
    for text_row in TEXT_PROVIDERS:
        assert text_row.build(accounts).name == text_row.name


def test_each_has_a_policy_and_its_settings() -> None:
    policies, settings = read_policies(), {field.name for field in fields(ProviderSettings)}
    rows = [(row.name, row.enabled_by) for row in PICTURE_PROVIDERS]
    for name, enabled_by in (*rows, *((row.name, row.enabled_by) for row in TEXT_PROVIDERS)):
        assert name in policies
        assert {setting.lower() for setting in enabled_by} <= settings


def test_the_docs_have_a_row_for_each(repository_root: Path) -> None:
    page = (repository_root / "docs" / "lookups.md").read_text(encoding="utf-8")
    rows = [(row.name, row.enabled_by, "a link" if row.needs_link else "bytes") for row in PICTURE_PROVIDERS]
    rows += [(text_row.name, text_row.enabled_by, "text") for text_row in TEXT_PROVIDERS]
    for name, enabled_by, asked_with in rows:
        settings = ", ".join(f"`{setting}`" for setting in enabled_by)
        assert f"| `{name}` | {settings} | {asked_with} |" in page


def test_no_key_is_shown() -> None:
    settings = ProviderSettings(
        google_vision_api_key="hush",
        serpapi_api_key="hush",
        ebay_client_secret="hush",
        azure_vision_key="hush",
        vision_model_api_key="hush",
    )
    assert "hush" not in repr(settings)
