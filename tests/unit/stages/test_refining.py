"""A model that refines, and pages that are read: whatever they do, what is known without them is told."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.stages.stand_in_lookups import (
    Answer,
    Listener,
    Stage,
    claimed,
    engine_of,
    sent_picture,
)
from tests.unit.stages.test_product_stages import K2, NAMED, found_pages, offers, outcome
from veilgate.domain.errors import QueueUnavailable
from veilgate.domain.lookups import Bill
from veilgate.domain.outcomes import Outcome, OutcomeKind
from veilgate.domain.products import IdentifiedProduct
from veilgate.domain.web_pages import WebPage
from veilgate.lookups.running_bill import put_on_bill
from veilgate.stages.estimate_price import EstimatePrice
from veilgate.stages.find_producer_page import FindProducerPage
from veilgate.stages.find_second_hand_offers import FindSecondHandOffers
from veilgate.stages.identify_product import IdentifyProduct
from veilgate.stages.lookup_contract import LookupStage, LookupWork
from veilgate.stages.pipeline import Pipeline

PAID = Bill(calls=1, cost_micros=6_000)


class Question:
    bill = PAID


class Stubborn:
    """Costs something, and then raises what the test wants, or never answers."""

    name = "vision_model"

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def choose_name(self, *_: object, **__: object) -> Any:
        put_on_bill(Question())
        if self._error is None:
            await asyncio.Event().wait()
        assert self._error
        raise self._error

    judge_price = choose_name


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def told(listener: Listener) -> Iterator[Callable[..., Outcome]]:
    """What a stage says in a lookup of so many seconds, when others have found this."""
    engines = []

    def run(stage: LookupStage, *products: object, timeout_s: float = 30.0) -> Outcome:
        node = sent_picture()
        for place, product in enumerate(products):
            node = node.then(Stage(f"given_{place}", _giving(product)))
        engines.append(engine_of(Pipeline(node.then(stage)), listener, timeout_s=timeout_s))
        engines[-1].begin(claimed("a"))
        listener.wait_for("a")
        return listener.outcome_of("a", stage.name)

    yield run
    for engine in engines:
        engine.close()


def _giving(product: object) -> Answer:
    async def give(_work: LookupWork) -> Outcome:
        return Outcome.produced(product)

    return give


FAILURES = pytest.mark.parametrize(
    ("error", "code"),
    [(QueueUnavailable(), "queue_unavailable"), (KeyError("index"), "stage_failed"), (None, "provider_down")],
    ids=["away", "raises", "hangs"],
)


@FAILURES
def test_the_votes_stand(told: Callable[..., Outcome], error: Exception | None, code: str) -> None:
    stage = IdentifyProduct(refiner=Stubborn(error))
    found = told(stage, NAMED, timeout_s=30.0 if error else 0.8)
    assert isinstance(found.product, IdentifiedProduct)
    assert found.product.name == "Acme Kestrel K2"
    assert code in found.report["because"][-1]["text"]
    assert found.report["cost"] == PAID.as_dict()


@FAILURES
def test_the_statistics_stand(told: Callable[..., Outcome], error: Exception | None, code: str) -> None:
    second_hand = outcome(FindSecondHandOffers(), K2, offers("48", "52", "55", "58", "60")).product
    reckoned = outcome(EstimatePrice(refiner=None), K2, second_hand).product
    found = told(EstimatePrice(refiner=Stubborn(error)), K2, second_hand, timeout_s=30.0 if error else 0.8)
    assert found.product == reckoned
    assert code in found.report["working"]["refined"]["kept"]
    assert found.report["cost"] == PAID.as_dict()


class SilentPages:
    async def read(self, url: str) -> WebPage:
        if url == "https://acme.com/k2":
            return WebPage(url, "Something else")
        await asyncio.Event().wait()
        raise AssertionError


def test_pages_that_hang_are_told_as_unread(told: Callable[..., Outcome]) -> None:
    urls = ["https://acme.com/k2", "https://other.example/k2", "https://third.example/k2"]
    found = told(FindProducerPage(SilentPages()), K2, found_pages(*urls), timeout_s=0.4)
    assert (found.kind, found.reason) == (OutcomeKind.SKIPPED, "no_page_found")
    assert [one["url"] for one in found.report["unread"]] == urls
    assert "no time" in found.report["unread"][-1]["error"]
    assert "something else" in found.report["unread"][0]["error"]
