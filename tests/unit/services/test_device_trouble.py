"""The engine when the device has too little memory, or is lost."""

import threading

import pytest

from tests.unit.stages.stand_in_stages import Listener, Stage, engine_of, run_all, work_of
from tests.waiting import wait_until
from veilgate.domain.errors import DeviceLost, StageFailed
from veilgate.domain.outcomes import Outcome
from veilgate.services.engines.device_line import ChunkBounds
from veilgate.services.engines.guarded_run import run_guarded
from veilgate.stages.contract import BatchStage, PictureWork, RunsOn
from veilgate.stages.pipeline import Pipeline, begin

PICTURE_PIXELS = 100  # as `work_of` makes them
_NO_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB"


class SmallDevice(Stage):
    """Has memory for so many pictures at a time."""

    def __init__(self, room: int) -> None:
        super().__init__("device", runs_on=RunsOn.DEVICE)
        self._room = room

    def run(self, works):  # type: ignore[no-untyped-def]
        outcomes = super().run(works)
        if len(works) > self._room:
            raise RuntimeError(_NO_MEMORY)
        return outcomes


def pipeline_of(stage: Stage) -> Pipeline[BatchStage]:
    return Pipeline(begin(Stage("first"), essential=True).then(stage, essential=True))


def works(how_many: int, *, width: int = 10, start: int = 0) -> list[PictureWork]:
    return [work_of(f"{number:02}", width=width) for number in range(start, start + how_many)]


@pytest.mark.parametrize(("room", "left"), [(4, 4), (3, 2), (1, 1)])
def test_what_did_not_fit_is_not_tried_again(room: int, left: int) -> None:
    """All wait for company until a chunk is full: of eight at first, then of as many as fit."""
    device, listener = SmallDevice(room), Listener()
    engine = engine_of(Pipeline(begin(device)), listener, ChunkBounds(8, 10_000, linger_s=3600.0))
    for work in works(8):
        engine.submit(work)
    listener.wait_for(*(work.job_id for work in works(8)))
    assert len(device.chunks[0]) == 8
    assert engine.chunk_pixels == left * PICTURE_PIXELS
    del device.chunks[:]
    for work in works(8, start=8):
        engine.submit(work)
    listener.wait_for(*(work.job_id for work in works(8, start=8)))
    engine.close()
    assert [len(chunk) for chunk in device.chunks] == [left] * (8 // left), "the smaller bound holds"
    assert all(end.error is None for end in listener.ends.values())


def test_a_picture_that_does_not_fit_alone_fails_and_may_be_tried_again() -> None:
    heard = run_all(pipeline_of(SmallDevice(0)), *works(1))
    error = heard.ends["00"].error
    assert isinstance(error, StageFailed)
    assert error.retryable
    assert error.message == "device ran out of memory with this picture alone."


def test_memory_errors_of_python_count_too() -> None:
    def answer(work: PictureWork) -> Outcome:
        if work.job_id == "01":
            raise MemoryError
        return Outcome.produced(work.job_id)

    too_large: list[int] = []
    outcomes = run_guarded(Stage("s", answer), works(4), did_not_fit=too_large.append)
    assert [outcome.error is None for outcome in outcomes] == [True, False, True, True]
    assert too_large == [4, 2]


def test_a_lost_device_fails_no_picture_and_is_asked_no_more() -> None:
    def lose(_work: PictureWork) -> Outcome:
        raise RuntimeError("CUDA error: unspecified launch failure")

    device, listener = Stage("device", lose, runs_on=RunsOn.DEVICE), Listener()
    engine = engine_of(pipeline_of(device), listener)
    for work in works(4):
        engine.submit(work)
    wait_until(lambda: engine.lost_device, timeout_s=10, what="the loss to be noticed")
    assert isinstance(engine.lost_device, DeviceLost)
    assert "unspecified launch failure" in engine.lost_device.message
    engine.submit(works(1, start=9)[0])
    wait_until(lambda: "first" in listener.stages_of("09"), timeout_s=10, what="the next picture")
    engine.close()
    assert listener.ends == {}
    assert len(device.chunks) == 1, "neither bisected nor asked again"


def test_what_is_past_the_device_is_still_finished() -> None:
    released = threading.Event()

    def finish(work: PictureWork) -> Outcome:
        assert released.wait(10)
        return Outcome.produced(work.job_id)

    def lose_the_second(work: PictureWork) -> Outcome:
        if work.job_id == "01":
            raise RuntimeError("CUDA error: unknown error")
        return Outcome.produced(work.job_id)

    last, listener = Stage("last", finish), Listener()
    device = Stage("device", lose_the_second, runs_on=RunsOn.DEVICE)
    engine = engine_of(Pipeline(begin(device, essential=True).then(last)), listener)
    first, second = works(2)
    engine.submit(first)
    wait_until(lambda: last.chunks, timeout_s=10, what="the first to leave the device")
    engine.submit(second)
    wait_until(lambda: engine.lost_device, timeout_s=10, what="the loss to be noticed")
    released.set()
    listener.wait_for("00")
    engine.close()
    assert listener.ends["00"].error is None
