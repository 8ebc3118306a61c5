"""A model that chooses: what it says beyond the candidates and the bounds is not heard."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.lookups.providers.recorded import completion
from tests.unit.lookups.providers.scripted_asks import ASKED, ScriptedAsks, run, said
from veilgate.domain.lookups import Bill, Money, Offer, ProductName, Wear
from veilgate.lookups.ports import Refined, RefinedPrice
from veilgate.lookups.providers.chat_model import ChatModel
from veilgate.lookups.providers.model_refiner import ModelRefiner

NAMES = (ProductName("headset", 0.5), ProductName("ACME Kestrel-K2 | eBay", 0.4, model="K2"))
OFFER = Offer(Money(Decimal("60.00"), "USD"), "https://attic.example/k2", "K2", Wear.USED)
BOUNDS = (Decimal("40.00"), Decimal("80.00"), "USD")


def refiner(asks: ScriptedAsks) -> ModelRefiner:
    return ModelRefiner(
        ChatModel(asks, provider="vision_model", url="http://127.0.0.1/v1", model="m", key="")
    )


def choose(answer: Any, names: tuple[ProductName, ...] = NAMES) -> tuple[Refined, ScriptedAsks]:
    asks = ScriptedAsks(said(completion(json.dumps(answer))))
    return run(refiner(asks).choose_name(names, ("black headphones",), asked=ASKED)), asks


def judge(answer: Any) -> RefinedPrice:
    asks = ScriptedAsks(said(completion(json.dumps(answer))))
    return run(refiner(asks).judge_price("Acme Kestrel K2", (OFFER,), BOUNDS, asked=ASKED))


def test_it_chooses_and_spells() -> None:
    refined, asks = choose({"index": 1, "make": "Acme", "model": "Kestrel K2"})
    assert refined.name == ProductName("ACME Kestrel-K2 | eBay", 0.4, "Acme", "Kestrel K2")
    assert refined.bill == Bill(1, 0, 10)
    (question,) = asks.questions
    given = json.loads(json.loads(question.body or b"")["messages"][1]["content"])
    assert [candidate["name"] for candidate in given["candidates"]] == [name.text for name in NAMES]
    assert "Kestrel" not in question.parameters


def test_it_adds_nothing() -> None:
    refined, _ = choose({"index": 1, "make": "Sony", "model": "WH-1000XM4"})
    assert refined.name == NAMES[1]


@pytest.mark.parametrize("index", [None, 2, -1, "1", True, 0.5, {}])
def test_what_is_no_candidate_is_none(index: Any) -> None:
    refined, _ = choose({"index": index, "make": "Acme", "model": "Kestrel K2"})
    assert refined.name is None


def test_without_candidates_nobody_is_asked() -> None:
    refined, asks = choose({}, names=())
    assert refined == Refined(None, Bill())
    assert asks.questions == []


@pytest.mark.parametrize("price", [40, 55.5, "80.00"])
def test_a_price_within_the_bounds(price: Any) -> None:
    judged = judge({"price": price, "reason": "As the others."})
    assert judged.price == Money(Decimal(str(price)).quantize(Decimal("0.01")), "USD")
    assert judged.reason == "As the others."


@pytest.mark.parametrize("price", [None, 39.99, 80.01, 0, -50, "60 USD", "1e1", True, [60], "NaN"])
def test_any_other_price_is_none(price: Any) -> None:
    assert judge({"price": price, "reason": 7}) == RefinedPrice(None, "", Bill(1, 0, 10))
