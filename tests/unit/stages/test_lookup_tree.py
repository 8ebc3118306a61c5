"""The tree of a lookup as it is wired: who is asked after whom, and what is said where nobody can be."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lookup_architecture import LookupParts, lookup_pipeline
from tests.integration.api.samples import picture
from tests.unit.stages.stand_in_lookups import Listener, Provider, claimed, engine_of
from veilgate.domain.lookups import Asked, Bill, Finding, ProductName, SentPicture
from veilgate.domain.outcomes import Outcome, OutcomeKind
from veilgate.domain.provider_errors import PageUnreadable, ProviderDown
from veilgate.domain.web_pages import WebPage
from veilgate.lookups.ports import Answered
from veilgate.stages.lookup_contract import LookupStage
from veilgate.stages.pipeline import Pipeline
from veilgate.storage.local import LocalObjectStore

VEILED = picture(size_wh=(96, 40))
NAMED = Finding("namer", names=(ProductName("Acme Kestrel K2", 0.9, "Acme", "Kestrel K2"),))


class NoPages:
    async def read(self, url: str) -> WebPage:
        raise PageUnreadable(url)


class Shop:
    """Remembers what it was asked for."""

    name = "shop"

    def __init__(self) -> None:
        self.asked_for: list[str] = []

    async def ask(self, text: str, *, asked: Asked) -> Answered:
        assert asked.image_id == "image of a"
        self.asked_for.append(text)
        return Answered(Finding("shop"), Bill(calls=1))


class WantsLink(Provider):
    needs_link = True


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    store = LocalObjectStore(tmp_path)
    store.put("results/x/1/thumbnail-1024.jpg", VEILED, media_type="image/jpeg")
    return store


@pytest.fixture
def tree(store: LocalObjectStore) -> Callable[..., Pipeline[LookupStage]]:
    def build(
        *pictures: Provider, texts: Sequence[Shop] = (), missing_settings: Sequence[str] = ()
    ) -> Pipeline[LookupStage]:
        parts = LookupParts(store, pictures, texts, None, None, NoPages(), missing_settings)
        return lookup_pipeline(parts)

    return build


def run(pipeline: Pipeline[LookupStage]) -> Listener:
    listener = Listener()
    engine = engine_of(pipeline, listener)
    engine.begin(claimed("a"))
    listener.wait_for("a")
    engine.close()
    return listener


def test_without_a_provider_the_lookup_completes_and_names_what_would_enable_one(
    tree: Callable[..., Pipeline[LookupStage]],
) -> None:
    heard = run(tree(missing_settings=("GOOGLE_VISION_API_KEY", "SERPAPI_API_KEY")))
    assert heard.ends["a"].error is None
    assert heard.stages_of("a")[:2] == ["fetch_veiled_copy", "identify_product"]
    said = heard.outcome_of("a", "identify_product")
    assert said == Outcome.skipped("no_provider", {"settings": ["GOOGLE_VISION_API_KEY", "SERPAPI_API_KEY"]})
    assert heard.outcome_of("a", "estimate_price") == Outcome.skipped("needs identify_product")


def test_the_veiled_copy_is_what_is_sent(tree: Callable[..., Pipeline[LookupStage]]) -> None:
    heard = run(tree(Provider("p", finding=NAMED)))
    sent = heard.ends["a"].work.get(SentPicture)
    assert sent == SentPicture(VEILED, hashlib.sha256(VEILED).hexdigest(), "image/jpeg", 96, 40)


def test_shops_are_asked_for_what_was_recognised_whoever_failed(
    tree: Callable[..., Pipeline[LookupStage]],
) -> None:
    shop = Shop()
    heard = run(tree(Provider("bad", error=ProviderDown()), Provider("namer", finding=NAMED), texts=[shop]))
    assert shop.asked_for == ["Acme Kestrel K2"]
    assert heard.outcome_of("a", "shop").report["cost"]["calls"] == 1
    assert heard.outcome_of("a", "bad").kind is OutcomeKind.FAILED
    assert heard.ends["a"].error is None
    assert heard.ends["a"].providers == {"bad", "namer", "shop"}


def test_who_wants_a_link_is_left_out_where_nobody_could_follow_it(
    tree: Callable[..., Pipeline[LookupStage]],
) -> None:
    heard = run(tree(WantsLink("lens"), Provider("namer", finding=NAMED)))
    assert heard.outcome_of("a", "lens") == Outcome.skipped(
        "no_public_address", {"settings": ["PUBLIC_BASE_URL"]}
    )


def test_a_copy_that_is_not_there_is_worth_another_try(
    tree: Callable[..., Pipeline[LookupStage]], store: LocalObjectStore
) -> None:
    store.delete(["results/x/1/thumbnail-1024.jpg"])
    error = run(tree(Provider("p", finding=NAMED))).ends["a"].error
    assert error
    assert (error.code, error.retryable) == ("stage_failed", True)
