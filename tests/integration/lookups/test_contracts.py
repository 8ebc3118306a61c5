"""Every adapter against its vendor's stub, over real HTTP and all at once: what it makes of what is said, how
often it asks, what it has paid, and which failure it takes for which."""

import asyncio
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.fixtures.private_redis import RunningRedis
from tests.integration.lookups.providers_asked import (
    NAMES,
    SECRETS,
    Providers,
    Said,
    a_picture,
    limits,
    providers_at,
)
from tests.stubs.desks import Trouble
from tests.stubs.serving import Stubs
from tests.stubs.world import PRODUCTS
from veilgate.domain.lookups import PageMatch, Wear
from veilgate.domain.provider_errors import (
    KeyRefused,
    LookupFailed,
    OutOfCredit,
    ProviderBroken,
    ProviderDown,
    ProviderThrottled,
    QuestionRefused,
)
from veilgate.lookups.ports import Answered

PRODUCT = PRODUCTS[0]
FREE = ("ebay_image", "ebay_search")
PAID = tuple(name for name in NAMES if name not in FREE)
# Attempts by the table of policies, where what failed cost nothing.
ATTEMPTS = {name: 3 if name in {"google_vision", "azure_vision", "vision_model"} else 2 for name in NAMES}
MICROS = {
    "google_vision": 6500, "google_lens": 15_000, "google_shopping": 15_000, "ebay_image": 0,
    "ebay_search": 0, "azure_vision": 2000, "vision_model": 6000,
}  # fmt: skip


class Trial:
    """Asks everybody once while their desks behave as told, and looks at what came of it."""

    def __init__(self, stubs: Stubs, redis: RunningRedis, link: str) -> None:
        self.stubs, self.redis, self._link = stubs, redis, link

    def ask_all(self, *, rounds: int = 1, limits: str = limits()) -> list[dict[str, Said]]:
        """Each round is about another picture; nothing that is secret may be read in any of them."""

        async def ask() -> list[dict[str, Said]]:
            async with providers_at(self.stubs, self.redis.url, link=self._link, limits=limits) as providers:
                return [await providers.ask_all(number=number) for number in range(rounds)]

        with capture_logs() as logs:
            said = asyncio.run(ask())
        for secret in SECRETS:
            assert secret not in str(logs)
            assert all(secret not in words for every in said for words in map(_shown, every.values()))
        assert all(not desk.wrong for desk in self.stubs.desks.values())
        return said

    def everybody(self, trouble: Trouble, **how: Any) -> None:
        for name in NAMES:
            self.stubs.desks[name].behave(trouble, **how)

    def calls(self) -> dict[str, int]:
        return {name: self.stubs.desks[name].calls for name in NAMES}


def _shown(said: Said) -> str:
    """All that anybody could print of it."""
    if isinstance(said, Answered):
        return str(said)
    return "".join(traceback.format_exception(said)) + repr(said)


@pytest.fixture
def trial(stub_world: Stubs, redis_server: RunningRedis, picture_link: str) -> Trial:
    return Trial(stub_world, redis_server, picture_link)


def failures(said: dict[str, Said]) -> dict[str, type[LookupFailed] | None]:
    return {name: type(one) if isinstance(one, LookupFailed) else None for name, one in said.items()}


def micros(said: dict[str, Said]) -> dict[str, int]:
    return {name: one.bill.cost_micros for name, one in said.items()}


def test_what_everybody_finds(trial: Trial) -> None:
    first, again = trial.ask_all(rounds=1)[0], trial.ask_all(rounds=1)[0]
    found = {name: one.finding for name, one in first.items() if isinstance(one, Answered)}
    assert set(found) == set(NAMES)
    maker = trial.stubs.world.maker_page(PRODUCT)
    for name in ("google_vision", "google_lens"):
        assert found[name].pages[0].url == maker
        assert {PRODUCT.name.lower()} <= {name.text.lower() for name in found["google_vision"].names}
    assert found["google_vision"].pages[0].match is PageMatch.FULL
    assert found["google_vision"].pages[0].title == "Acme Kestrel K2 | Acme"
    assert found["azure_vision"].caption == found["vision_model"].caption == PRODUCT.caption
    assert (found["vision_model"].names[0].make, found["vision_model"].names[0].model) == (
        "Acme",
        "Kestrel K2",
    )
    wears = {offer.wear for name in FREE for offer in found[name].offers}
    assert wears == {Wear.NEW, Wear.USED, Wear.REFURBISHED, Wear.FOR_PARTS}
    assert {offer.is_auction for offer in found["ebay_search"].offers} == {True, False}
    assert {offer.wear for offer in found["google_shopping"].offers} == {
        Wear.NEW,
        Wear.USED,
        Wear.REFURBISHED,
    }
    offers = [offer for finding in found.values() for offer in finding.offers]
    assert {offer.price.currency for offer in offers} == {"USD"}
    assert micros(first) == MICROS
    # The same of the same owner: asked of nobody, paid to nobody.
    assert [one.bill.cached for one in again.values()] == [1] * len(NAMES)
    assert set(micros(again).values()) == {0}
    assert set(trial.calls().values()) == {1}


def test_the_picture_alone_is_sent(trial: Trial) -> None:
    trial.ask_all()
    sent = a_picture().data
    assert trial.stubs.pictures() == {
        name: [sent]
        if name in {"google_vision", "google_lens", "ebay_image", "azure_vision", "vision_model"}
        else []
        for name in trial.stubs.desks
    }


def test_out_of_breath_for_a_moment(trial: Trial) -> None:
    """The pause is the one that is asked for, in seconds or by date, and being sent away costs nothing."""
    trial.everybody(Trouble.THROTTLED, times=1, retry_after="1")
    soon = datetime.now(UTC) + timedelta(seconds=2)
    trial.stubs.desks["google_vision"].behave(
        Trouble.THROTTLED, times=1, retry_after=format_datetime(soon, usegmt=True)
    )
    said = trial.ask_all(limits=limits(longest_pause_s=4))[0]
    assert failures(said) == {name: OutOfCredit if name in FREE else None for name in NAMES}, (
        "eBay means the day"
    )
    assert micros(said) == MICROS
    for name in PAID:
        first, second = trial.stubs.desks[name].received
        assert second.at_s - first.at_s >= (0.9 if name == "google_vision" else 1.0)


def test_out_of_breath_for_good(trial: Trial) -> None:
    trial.everybody(Trouble.THROTTLED)
    said = trial.ask_all()[0]
    assert failures(said) == {name: OutOfCredit if name in FREE else ProviderThrottled for name in NAMES}
    # Azure says for how long, and that is longer than anybody has.
    calls = trial.calls()
    assert {name: calls[name] for name in PAID} == {name: ATTEMPTS[name] for name in PAID} | {
        "azure_vision": 1
    }
    assert max(calls[name] for name in FREE) == 1, "the second may hear it of the first"
    assert set(micros(said).values()) == {0}


@pytest.mark.parametrize(
    ("trouble", "failure"), [(Trouble.OUT_OF_CREDIT, OutOfCredit), (Trouble.KEY_REFUSED, KeyRefused)]
)
def test_nobody_is_asked_again_who_has_shut(
    trial: Trial, trouble: Trouble, failure: type[LookupFailed]
) -> None:
    trial.everybody(trouble)
    first, second = trial.ask_all(rounds=2)
    assert set(failures(first).values()) == set(failures(second).values()) == {failure}
    calls = trial.calls()
    # Of two that share an account the second may hear it of the first.
    alone = {"google_vision", "azure_vision", "vision_model"}
    assert {name for name, number in calls.items() if number == 1} >= alone
    assert max(calls.values()) == 1
    assert set(micros(first).values()) == {0}


def test_broken_for_a_moment(trial: Trial) -> None:
    trial.everybody(Trouble.BROKEN, times=1)
    said = trial.ask_all()[0]
    assert set(failures(said).values()) == {None}
    assert set(trial.calls().values()) == {2}
    assert micros(said) == MICROS
    assert {name: one.bill.calls for name, one in said.items() if name not in FREE} == dict.fromkeys(PAID, 2)


def test_broken_for_good(trial: Trial) -> None:
    trial.everybody(Trouble.BROKEN)
    said = trial.ask_all()[0]
    assert set(failures(said).values()) == {ProviderDown}
    assert trial.calls() == ATTEMPTS
    assert set(micros(said).values()) == {0}


@pytest.mark.parametrize(
    "trouble", [Trouble.CUT_SHORT, Trouble.HTML, Trouble.GARBLED, Trouble.STRANGE, Trouble.RESETS]
)
def test_answers_that_nobody_can_read_are_not_paid_twice(trial: Trial, trouble: Trouble) -> None:
    trial.everybody(trouble)
    said = trial.ask_all()[0]
    failure = ProviderDown if trouble is Trouble.RESETS else ProviderBroken
    assert set(failures(said).values()) == {failure}
    assert trial.calls() == {name: 2 if name in FREE else 1 for name in NAMES}
    assert micros(said) == MICROS


@pytest.mark.parametrize("trouble", [Trouble.HANGS, Trouble.DRIPS])
def test_who_never_ends_is_not_waited_for(trial: Trial, trouble: Trouble) -> None:
    trial.everybody(trouble)
    began_s = time.monotonic()
    said = trial.ask_all(limits=limits(timeout_s=0.3))[0]
    assert time.monotonic() - began_s < 3, "two time-outs of 0.3 s at most, all side by side"
    assert set(failures(said).values()) == {ProviderDown}
    assert trial.calls() == {name: 2 if name in FREE else 1 for name in NAMES}
    assert micros(said) == MICROS, "for all that we know it was answered, too late"


def test_nothing_found_is_an_answer(trial: Trial) -> None:
    trial.everybody(Trouble.EMPTY)
    said = trial.ask_all()[0]
    assert failures(said) == {name: ProviderBroken if name == "vision_model" else None for name in NAMES}
    empty = [one.finding for one in said.values() if isinstance(one, Answered)]
    assert not any(finding.names or finding.pages or finding.offers for finding in empty)
    assert trial.calls() == {name: 2 if name == "google_lens" else 1 for name in NAMES}, "Lens, once more"


def test_errors_within_a_good_status(trial: Trial) -> None:
    asked = ("google_vision", "google_lens", "google_shopping", "vision_model")
    for name in asked:
        trial.stubs.desks[name].behave(Trouble.ERROR_INSIDE)
    for name in FREE:
        trial.stubs.desks[name].behave(Trouble.FILTER_IGNORED)
    said = trial.ask_all()[0]
    refused = dict.fromkeys((*FREE, "vision_model"), QuestionRefused)
    assert failures(said) == {**dict.fromkeys(NAMES, ProviderDown), **refused, "azure_vision": None}
    assert set(trial.calls().values()) == {1}
    assert micros(said) == MICROS


@pytest.mark.parametrize(
    ("trouble", "failure", "calls"),
    [
        (Trouble.REFUSES, QuestionRefused, 1),
        (Trouble.FILTERED, QuestionRefused, 1),
        (Trouble.TOO_LONG, ProviderBroken, 2),
        (Trouble.FENCED, None, 1),
        (Trouble.NOT_SUPPORTED, None, 2),
    ],
)
def test_ways_of_a_model(
    trial: Trial, trouble: Trouble, failure: type[LookupFailed] | None, calls: int
) -> None:
    trial.stubs.desks["vision_model"].behave(trouble)
    said = trial.ask_all()[0]["vision_model"]
    assert (type(said) if isinstance(said, LookupFailed) else None) is failure
    assert trial.stubs.desks["vision_model"].calls == said.bill.calls == calls
    if isinstance(said, Answered):
        assert said.finding.names[0].text == PRODUCT.name


def test_tags_where_azure_has_no_captions(trial: Trial) -> None:
    trial.stubs.desks["azure_vision"].behave(Trouble.NOT_SUPPORTED)
    said = trial.ask_all()[0]["azure_vision"]
    assert isinstance(said, Answered)
    assert (said.finding.caption, said.finding.labels[0].text) == (None, "headphones")
    assert (said.bill.calls, said.bill.cost_micros) == (2, 1000), "for one feature"


def test_tokens_of_ebay(trial: Trial) -> None:
    """One for all who ask at once, and another when it is not taken any more."""

    async def ask(providers: Providers) -> None:
        def search(first: int) -> list[asyncio.Task[Said]]:
            return [
                asyncio.create_task(providers.ask("ebay_image", a_picture(number), ""))
                for number in range(first, first + 10)
            ]

        for first in (0, 10):
            said = await asyncio.gather(*search(first))
            assert all(isinstance(one, Answered) for one in said)
            trial.stubs.ebay.forget_tokens()

    async def main() -> None:
        redis_url = trial.redis.url
        # Ten wait for one another here, for longer than the others' patience on a busy machine.
        patient = limits(timeout_s=10, longest_pause_s=10)
        async with providers_at(trial.stubs, redis_url, link="", limits=patient) as providers:
            await ask(providers)

    asyncio.run(main())
    assert trial.stubs.desks["ebay_token"].calls == 2
    assert trial.stubs.desks["ebay_image"].most_under_way <= 4
