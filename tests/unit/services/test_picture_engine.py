"""The engine: order, joins, skips, failures, bisection, chunks and abandoning."""

import threading
from collections.abc import Sequence

import pytest

from tests.unit.stages.stand_in_stages import Listener, Stage, engine_of, run_all, work_of
from tests.waiting import wait_until
from veilgate.domain.errors import OriginalMissing, StageFailed
from veilgate.domain.outcomes import Outcome, OutcomeKind
from veilgate.services.engines.device_line import ChunkBounds
from veilgate.services.engines.guarded_run import run_guarded
from veilgate.stages.contract import BatchStage, PictureWork, RunsOn
from veilgate.stages.pipeline import Pipeline, begin, join


def failing(error: Exception, *guilty: str):  # type: ignore[no-untyped-def]
    def answer(work: PictureWork) -> Outcome:
        if not guilty or work.job_id in guilty:
            raise error
        return Outcome.produced(work.job_id)

    return answer


def never(count: int) -> None:
    raise AssertionError(f"{count} pictures did not fit")


def tree(
    left: Stage, right: Stage, *, left_essential: bool = False
) -> tuple[Pipeline[BatchStage], Stage, Stage]:
    """first → (left ∥ right) → joined (requires left) → last"""
    joined, last = Stage("joined"), Stage("last")
    first = begin(Stage("first", runs_on=RunsOn.CHILDREN), essential=True)
    node = first.then(left, essential=left_essential)
    meeting = join(node, first.then(right)).then(joined, requires=node)
    return Pipeline(meeting.then(last)), joined, last


def test_stages_run_in_the_order_of_the_tree() -> None:
    pipeline, *_ = tree(Stage("left", runs_on=RunsOn.DEVICE), Stage("right"))
    heard = run_all(pipeline, *(work_of(str(number)) for number in range(20)))
    for number in range(20):
        names = heard.stages_of(str(number))
        assert names[0] == "first"
        assert set(names[1:3]) == {"left", "right"}, "the joint waits for both"
        assert names[3:] == ["joined", "last"]
        assert heard.ends[str(number)].error is None
        assert set(heard.ends[str(number)].outcomes) == set(names)


def test_products_are_there_for_later_stages() -> None:
    def read(work: PictureWork) -> Outcome:
        return Outcome.produced(len(work[str]))

    heard = run_all(Pipeline(begin(Stage("a")).then(Stage("b", read))), work_of("four"))
    assert heard.ends["four"].work.products == {str: "four", int: 4}


def test_an_optional_failure_does_not_stop_what_can_do_without() -> None:
    pipeline, *_ = tree(Stage("left"), Stage("right", failing(StageFailed("no"))))
    end = run_all(pipeline, work_of("a")).ends["a"]
    kinds = {name: outcome.kind for name, outcome in end.outcomes.items()}
    assert kinds == {
        "first": OutcomeKind.PRODUCED,
        "left": OutcomeKind.PRODUCED,
        "right": OutcomeKind.FAILED,
        "joined": OutcomeKind.PRODUCED,
        "last": OutcomeKind.PRODUCED,
    }
    assert end.error is None


def test_what_is_required_and_missing_skips_what_follows_with_the_reason() -> None:
    pipeline, joined, last = tree(Stage("left", failing(StageFailed())), Stage("right"))
    heard = run_all(pipeline, work_of("a"))
    outcomes = heard.ends["a"].outcomes
    assert (outcomes["joined"].kind, outcomes["joined"].reason) == (OutcomeKind.SKIPPED, "needs left")
    assert (outcomes["last"].kind, outcomes["last"].reason) == (OutcomeKind.SKIPPED, "needs joined")
    assert (joined.chunks, last.chunks) == ([], [])
    assert heard.stages_of("a")[-2:] == ["joined", "last"], "skips are reported too"
    assert heard.ends["a"].error is None, "no essential stage failed"


def test_an_essential_failure_ends_the_picture_at_once() -> None:
    release = threading.Event()
    error = OriginalMissing()

    def hold(work: PictureWork) -> Outcome:
        assert release.wait(10)
        return Outcome.produced(work.job_id)

    pipeline, joined, _ = tree(Stage("left", failing(error)), Stage("right", hold), left_essential=True)
    listener = Listener()
    engine = engine_of(pipeline, listener)
    engine.submit(work_of("a"))
    listener.wait_for("a")  # though `right` still runs
    assert listener.ends["a"].error is error
    release.set()
    engine.close()
    assert joined.chunks == []


@pytest.mark.parametrize("guilty", [{3}, {0, 7}, set(range(8))])
def test_only_the_guilty_fail_and_they_are_found_in_few_runs(guilty: set[int]) -> None:
    names = {str(number) for number in guilty}
    stage = Stage("s", failing(ZeroDivisionError(), *names))
    outcomes = run_guarded(stage, [work_of(str(number)) for number in range(8)], did_not_fit=never)
    failed = {number for number, outcome in enumerate(outcomes) if outcome.kind is OutcomeKind.FAILED}
    assert failed == guilty
    assert all(outcomes[number].product == str(number) for number in set(range(8)) - guilty)
    assert isinstance(outcomes[min(guilty)].error, StageFailed)
    assert len(stage.chunks) <= min(15, 1 + 6 * len(guilty)), "two runs for each halving of a guilty half"


class Miscounting(Stage):
    """Gives one outcome too few for more than one picture, or always."""

    def __init__(self, *, always: bool) -> None:
        super().__init__("miscounting")
        self._always = always

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        outcomes = super().run(works)
        return outcomes[1:] if self._always or len(works) > 1 else outcomes


def test_a_wrong_number_of_outcomes_is_a_failure_of_the_stage() -> None:
    works = [work_of(str(number)) for number in range(4)]
    assert [
        outcome.product for outcome in run_guarded(Miscounting(always=False), works, did_not_fit=never)
    ] == list("0123")
    outcomes = run_guarded(Miscounting(always=True), works, did_not_fit=never)
    assert [type(outcome.error) for outcome in outcomes] == [StageFailed] * 4


def test_our_own_errors_keep_their_name() -> None:
    error = OriginalMissing()
    [outcome] = run_guarded(Stage("s", failing(error)), [work_of("a")], did_not_fit=never)
    assert outcome.error is error


def test_a_stage_that_cannot_size_its_picture_fails_it() -> None:
    """Nobody else would: the picture would hang until the watchdog ends the process."""

    class Unsizable(Stage):
        def chunk_size_wh(self, work: PictureWork) -> tuple[int, int]:  # noqa: ARG002
            raise ZeroDivisionError

    first = begin(Stage("first"))
    pipeline = Pipeline(first.then(Unsizable("unsizable", runs_on=RunsOn.DEVICE), essential=True))
    end = run_all(pipeline, work_of("a")).ends["a"]
    assert isinstance(end.error, StageFailed)


def test_nobody_hears_of_an_abandoned_picture() -> None:
    begun, release = threading.Event(), threading.Event()

    def hold(work: PictureWork) -> Outcome:
        begun.set()
        assert release.wait(10)
        return Outcome.produced(work.job_id)

    following = Stage("following")
    listener = Listener()
    engine = engine_of(Pipeline(begin(Stage("held", hold)).then(following)), listener)
    engine.submit(work_of("a"))
    assert begun.wait(10)
    engine.abandon("a")
    engine.abandon("never-there")
    release.set()
    engine.submit(work_of("b"))
    listener.wait_for("b")
    engine.close()
    assert set(listener.ends) == {"b"}
    assert listener.dropped == [("a", 1)], "what its last stage left may be removed"
    assert following.chunks == [["b"]]


def test_an_abandoned_picture_may_come_again_under_a_new_fence() -> None:
    release = threading.Event()
    listener = Listener()

    def hold_the_first(work: PictureWork) -> Outcome:
        assert work.fence == 2 or release.wait(10)
        return Outcome.produced(work.job_id)

    engine = engine_of(Pipeline(begin(Stage("s", hold_the_first))), listener)
    engine.submit(work_of("a", fence=1))
    engine.abandon("a")
    engine.submit(work_of("a", fence=2))
    listener.wait_for("a")
    release.set()
    engine.close()
    assert listener.ends["a"].work.fence == 2


def test_chunks_mix_neither_sizes_nor_stages_and_keep_the_bounds() -> None:
    """All pictures wait before the device while its first chunk runs; then chunks form."""
    release = threading.Event()

    def hold(work: PictureWork) -> Outcome:
        assert work.job_id != "plug" or release.wait(10)
        return Outcome.produced(work.job_id)

    one, two = Stage("one", hold, runs_on=RunsOn.DEVICE), Stage("two", runs_on=RunsOn.DEVICE)
    first = begin(Stage("first"))
    listener = Listener()
    bounds = ChunkBounds(max_items=4, max_pixels=500, linger_s=0.0)
    engine = engine_of(Pipeline(first.then(one), first.then(two)), listener, bounds)
    engine.submit(work_of("plug", width=1))
    wait_until(lambda: one.chunks == [["plug"]], timeout_s=10, what="the plug to run")
    works = [work_of(f"{width}-{number}", width=width) for number in range(6) for width in (10, 20, 60)]
    for work in works:
        engine.submit(work)
    wait_until(lambda: len(listener.reports) == len(works) + 1, timeout_s=10, what="all before the device")
    release.set()
    listener.wait_for(*(work.job_id for work in works))
    engine.close()
    for stage in (one, two):
        sizes = [{job_id.partition("-")[0] for job_id in chunk} for chunk in stage.chunks]
        assert all(len(size) == 1 for size in sizes), "sizes were mixed"
        longest = {
            size: max(len(c) for c, s in zip(stage.chunks, sizes, strict=True) if s == {size})
            for size in ("10", "20", "60")
        }
        assert longest == {"10": 4, "20": 2, "60": 1}, "by count, by pixels, and one that is over by itself"
        assert sorted(job_id for chunk in stage.chunks for job_id in chunk) == sorted(
            ["plug", *(work.job_id for work in works)]
        )


def test_one_bad_picture_of_a_chunk_fails_alone() -> None:
    stage = Stage("s", failing(ZeroDivisionError(), "5"), runs_on=RunsOn.DEVICE)
    works = [work_of(str(number)) for number in range(8)]
    first = begin(Stage("first"), essential=True)
    bounds = ChunkBounds(max_items=8, max_pixels=10_000, linger_s=5.0)
    heard = run_all(Pipeline(first.then(stage, essential=True)), *works, bounds=bounds)
    assert [job_id for job_id, end in sorted(heard.ends.items()) if end.error is not None] == ["5"]
    assert heard.stages_of("5") == ["first", "s"], "its failure is reported once, however often it ran"
