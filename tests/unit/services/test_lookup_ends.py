"""What the end of a lookup writes: results, what the image is found by, and what it came to."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from tests.unit.services.test_recorder import POLICY
from veilgate.domain.errors import VeilgateError
from veilgate.domain.ids import new_id
from veilgate.domain.jobs import JobKind, Lane
from veilgate.domain.lookups import Bill, Finding, Label, Money, Offer, Wear
from veilgate.domain.outcomes import Outcome
from veilgate.domain.products import IdentifiedProduct
from veilgate.domain.provider_errors import NothingAnswered, ProviderThrottled
from veilgate.persistence.records import NewEvent, NewJob
from veilgate.services.engines.engine_reports import StageReport
from veilgate.services.engines.lookup_ends import LookupEnds
from veilgate.services.engines.lookup_engine import LookupEnd
from veilgate.services.engines.recorder import Recorder
from veilgate.services.engines.settlements import Settlement, Verdict
from veilgate.stages.identify_product import NO_PROVIDER, NOTHING_RECOGNISED
from veilgate.stages.lookup_contract import LookupWork

FINDING = Finding(
    "azure_vision", caption="a red kettle on a stove", labels=(Label("Kettle", 0.9), Label("Kitchen ware"))
)
OFFER = Offer(Money(Decimal("12.50"), "EUR"), "https://x.example/1", "Kettle", Wear.USED)


def throttled() -> ProviderThrottled:
    error = ProviderThrottled()
    error.bill = Bill(calls=3)
    return error


def outcomes() -> dict[str, Outcome]:
    offers = [{"price": {"amount": "12.50", "currency": "EUR"}, "link": OFFER.link}]
    return {
        "fetch_veiled_copy": Outcome.produced("sent", {"bytes": 3}),
        "azure_vision": Outcome.produced(
            FINDING, {"provider": "azure_vision", "cost": Bill(1, 0, 2_000).as_dict()}
        ),
        "google_vision": Outcome.failed(throttled()),
        "google_lens": Outcome.skipped("no_public_address", {"settings": ["PUBLIC_BASE_URL"]}),
        "identify_product": Outcome.produced(
            IdentifiedProduct("Acme K2 kettle", "Acme", "K2", 0.8),
            {
                "make": "Acme",
                "model": "K2",
                "refined_by": "vision_model",
                "cost": Bill(1, 0, 6_000).as_dict(),
            },
        ),
        "find_second_hand_offers": Outcome.produced("offers", {"offers": offers}),
        "estimate_price": Outcome.skipped("too_few_prices"),
    }


class Desk:
    """An image that is veiled, and lookups of it that end."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.image_id = new_id()
        shelf.add(self.image_id)

    def begin(self) -> LookupWork:
        with self.shelf.database.write() as transaction:
            job_id = new_id()
            transaction.jobs.insert(
                NewJob(job_id, OWNER, self.image_id, JobKind.LOOKUP, Lane.INTERACTIVE, "{}", None)
            )
            transaction.events.insert_first(job_id, NewEvent("job", "submitted", "{}"))
        fence = self.shelf.claim(job_id)
        assert fence
        return LookupWork(job_id, self.image_id, OWNER, fence, "results/x/1/")

    def recorder(
        self, settled: Callable[[Settlement], None] = lambda _settlement: None
    ) -> Recorder[LookupEnd]:
        return Recorder(
            self.shelf.database,
            LookupEnds(),
            retry_policy=POLICY,
            settled=settled,
            wake=lambda _job_ids: None,
        )

    def end(
        self, work: LookupWork, outcomes: dict[str, Outcome], error: VeilgateError | None = None
    ) -> Settlement:
        settled: list[Settlement] = []
        recorder = self.recorder(settled.append)
        recorder.stage_ended([StageReport(work, stage, one, 7) for stage, one in outcomes.items()])
        providers = frozenset({"azure_vision", "google_vision", "google_lens"})
        recorder.work_ended(LookupEnd(work, outcomes, dict.fromkeys(outcomes, 7), 40, error, providers))
        recorder.close()
        return settled[-1]

    def tags(self) -> list[tuple[str, str]]:
        rows = self.shelf.rows("SELECT tag, source FROM tags ORDER BY tag, source")
        return [(row["tag"], row["source"]) for row in rows]

    def words(self, source: str) -> set[str]:
        rows = self.shelf.rows("SELECT term FROM image_terms WHERE source = :source", source=source)
        return {row["term"] for row in rows}


@pytest.fixture
def desk(sqlite_shelf: Shelf) -> Desk:
    return Desk(sqlite_shelf)


@pytest.fixture
def any_desk(shelf: Shelf) -> Desk:
    """On each database in turn, for what their SQL might do otherwise."""
    return Desk(shelf)


def test_a_lookup_that_completes_is_shown_and_found(any_desk: Desk) -> None:
    work = any_desk.begin()
    assert any_desk.end(work, outcomes()).verdict is Verdict.COMPLETED
    job = any_desk.shelf.job(work.job_id)
    assert (job["status"], job["result_key"], job["event_seq"]) == ("completed", None, 9)
    shown = any_desk.shelf.rows("SELECT current_lookup_id, current_job_id FROM processed_images")
    assert shown == [{"current_lookup_id": work.job_id, "current_job_id": None}]
    assert any_desk.tags() == [("Kettle", "azure_vision"), ("Kitchen ware", "azure_vision")]
    assert {"kettle", "red", "ware"} <= any_desk.words("azure_vision")
    assert any_desk.words("identify_product") == {"acme", "k2", "kettle"}
    with any_desk.shelf.database.read() as transaction:
        came_to = {"lookup_calls": 5, "lookup_cost_micros": 8_000}
        assert transaction.totals.all() == {"lookups_completed": 1, **came_to}


def test_its_results_say_who_answered_and_what_that_came_to(desk: Desk) -> None:
    work = desk.begin()
    desk.end(work, outcomes())
    results: dict[str, Any] = json.loads(desk.shelf.job(work.job_id)["results"])
    assert results["model-producer"]["model"] == "K2"
    assert [offer["link"] for offer in results["second-hand-offers"]] == [OFFER.link]
    assert results["producer-url"] is results["retail-price-details"] is results["estimated-price"] is None
    assert results["cost"] == {"calls": 5, "cached": 0, "usd": 0.008}
    assert results["captions"] == [{"provider": "azure_vision", "text": FINDING.caption}]
    providers = results["providers"]
    assert set(providers) == {"azure_vision", "google_vision", "google_lens"}
    assert providers["azure_vision"]["outcome"] == "produced"
    assert providers["google_vision"]["error"]["code"] == "provider_throttled"
    assert providers["google_vision"]["cost"]["calls"] == 3
    assert providers["google_lens"]["reason"] == "no_public_address"
    assert results["stages"]["estimate_price"] == {
        "outcome": "skipped",
        "ms": 7,
        "reason": "too_few_prices",
    }


def test_what_was_asked_is_on_its_owners_account_in_vain_or_not(any_desk: Desk) -> None:
    any_desk.end(any_desk.begin(), outcomes())
    any_desk.end(any_desk.begin(), outcomes(), NothingAnswered())
    spent = any_desk.shelf.rows(
        "SELECT owner_id, provider, calls, cost_micros FROM lookup_spending ORDER BY 2"
    )
    assert spent == [
        {"owner_id": OWNER, "provider": "azure_vision", "calls": 2, "cost_micros": 4_000},
        {"owner_id": OWNER, "provider": "google_vision", "calls": 6, "cost_micros": 0},
        {"owner_id": OWNER, "provider": "vision_model", "calls": 2, "cost_micros": 12_000},
    ]


def test_of_two_lookups_the_later_is_shown_whichever_ends_last(desk: Desk) -> None:
    first, second = desk.begin(), desk.begin()
    desk.end(second, outcomes())
    older = Finding("azure_vision", caption="something else", labels=(Label("Old"),))
    assert desk.end(first, {"azure_vision": Outcome.produced(older)}).verdict is Verdict.COMPLETED
    assert desk.tags() == [("Kettle", "azure_vision"), ("Kitchen ware", "azure_vision")]
    assert desk.shelf.rows("SELECT current_lookup_id FROM processed_images") == [
        {"current_lookup_id": second.job_id}
    ]


def test_who_does_not_answer_this_time_has_said_what_it_said(desk: Desk) -> None:
    desk.end(desk.begin(), outcomes())
    other = Finding("google_vision", labels=(Label("Pot"),))
    failed = {**outcomes(), "azure_vision": Outcome.failed(throttled())}
    desk.end(desk.begin(), {**failed, "google_vision": Outcome.produced(other)})
    assert desk.tags() == [
        ("Kettle", "azure_vision"),
        ("Kitchen ware", "azure_vision"),
        ("Pot", "google_vision"),
    ]


def test_a_product_that_is_no_longer_recognised_is_not_found_by_its_name(desk: Desk) -> None:
    desk.end(desk.begin(), outcomes())
    for silent in (Outcome.failed(throttled()), Outcome.skipped(NO_PROVIDER)):
        desk.end(desk.begin(), {**outcomes(), "identify_product": silent})
        assert "k2" in desk.words("identify_product"), "it has not spoken"
    mute = Outcome.produced(Finding("azure_vision"))
    nothing = Outcome.skipped(NOTHING_RECOGNISED)
    desk.end(desk.begin(), {"azure_vision": mute, "identify_product": nothing})
    assert (desk.tags(), desk.words("azure_vision"), desk.words("identify_product")) == ([], set(), set())


def test_a_lookup_whose_job_is_another_s_writes_nothing(desk: Desk) -> None:
    work = desk.begin()
    desk.shelf.change(work.job_id, fence=work.fence + 1)
    assert desk.end(work, outcomes()).verdict is Verdict.LOST
    assert (desk.tags(), desk.words("azure_vision")) == ([], set())
