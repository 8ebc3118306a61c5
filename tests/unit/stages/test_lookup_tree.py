"""The tree of a lookup as it is wired: who is asked after whom, and what is said where nobody can be."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lookup_architecture import LookupParts, lookup_pipeline
from tests.integration.api.samples import picture
from tests.unit.stages.stand_in_lookups import Listener, Provider, claimed, engine_of
from tests.waiting import wait_until
from veilgate.domain.lookups import Asked, Bill, Finding, ProductName, SentPicture
from veilgate.domain.outcomes import Outcome, OutcomeKind
from veilgate.domain.provider_errors import PageUnreadable, ProviderDown
from veilgate.domain.web_pages import WebPage
from veilgate.lookups.ports import Answered
from veilgate.stages.lookup_contract import LookupStage
from veilgate.stages.pipeline import Pipeline
from veilgate.storage.local import LocalObjectStore

VEILED = picture(size_wh=(96, 40))
PATIENCE_S = 0.1
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
        parts = LookupParts(
            store, pictures, texts, None, None, NoPages(), missing_settings, patience_s=PATIENCE_S
        )
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


def test_one_that_hangs_delays_only_what_it_says_itself(
    tree: Callable[..., Pipeline[LookupStage]],
) -> None:
    hangs = asyncio.Event()
    listener, shop = Listener(), Shop()
    engine = engine_of(
        tree(Provider("late", until=hangs), Provider("namer", finding=NAMED), texts=[shop]), listener
    )
    engine.begin(claimed("a"))
    wait_until(
        lambda: "estimate_price" in listener.stages_of("a"), timeout_s=10, what="all the others' lines"
    )
    assert "late" not in listener.stages_of("a")
    assert not listener.ends
    engine._loop.call_soon_threadsafe(hangs.set)
    listener.wait_for("a")
    engine.close()
    assert listener.stages_of("a")[-1] == "late"
    assert listener.outcome_of("a", "late").kind is OutcomeKind.PRODUCED
    assert len(listener.stages_of("a")) == len(set(listener.stages_of("a"))), "each speaks once"


def test_nobody_is_given_up_while_nothing_is_known(tree: Callable[..., Pipeline[LookupStage]]) -> None:
    """Patience begins with the first answer: there is nothing to go on with before it."""
    hangs = asyncio.Event()
    listener = Listener()
    engine = engine_of(tree(Provider("namer", finding=NAMED, until=hangs)), listener)
    engine.begin(claimed("a"))
    wait_until(lambda: listener.stages_of("a"), timeout_s=10, what="the picture")
    assert not listener.ends
    asyncio.run_coroutine_threadsafe(asyncio.sleep(3 * PATIENCE_S), engine._loop).result(10)
    assert listener.stages_of("a") == ["fetch_veiled_copy"]
    engine._loop.call_soon_threadsafe(hangs.set)
    listener.wait_for("a")
    engine.close()
    assert listener.outcome_of("a", "identify_product").kind is OutcomeKind.PRODUCED


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
