"""What Prometheus is told of stages: every picture once, however its chunk was cut up."""

from collections.abc import Sequence

import pytest

from tests.counted import Counted
from tests.unit.stages.stand_in_stages import Stage, run_all, work_of
from veilgate.domain.outcomes import Outcome
from veilgate.services.engines.device_line import ChunkBounds, Departure
from veilgate.services.engines.stage_times import count_chunk
from veilgate.stages.contract import PictureWork, RunsOn
from veilgate.stages.find_vehicles import MODEL_MISSING
from veilgate.stages.pipeline import Pipeline, begin

# Long enough for all of a test to come, and never waited for: the last one fills the chunk.
TOGETHER = ChunkBounds(4, 1_000_000, linger_s=30.0)
COUNTS = "veilgate_stage_seconds_count"


class OneIsBad(Stage):
    """A model that fails whenever a certain picture is in its chunk."""

    def run(self, works: Sequence[PictureWork]) -> list[Outcome]:
        outcomes = super().run(works)
        if any(work.job_id == "bad" for work in works):
            raise RuntimeError("no")
        return outcomes


def test_a_chunk_counts_once_however_often_it_is_split() -> None:
    counted = Counted()
    stage = OneIsBad("find_faces", runs_on=RunsOn.DEVICE)
    names = ("a", "bad", "c", "d")
    listener = run_all(Pipeline(begin(stage, essential=True)), *map(work_of, names), bounds=TOGETHER)
    assert sum(end.error is not None for end in listener.ends.values()) == 1
    assert len(stage.chunks) > 1, "it was split"
    assert counted(COUNTS, stage="infer") == 4
    assert counted("veilgate_chunk_pictures_sum", stage="find_faces") == 4
    assert counted("veilgate_chunk_pictures_count", stage="find_faces") == 1
    assert counted("veilgate_chunks_released_total", stage="find_faces", reason="full") == 1


def test_each_picture_has_its_share_of_the_time() -> None:
    counted = Counted()
    outcomes = [Outcome.produced("x")] * 4
    count_chunk("find_vehicles", outcomes, took_s=2.0, departure=Departure.LINGER)
    assert counted("veilgate_stage_seconds_sum", stage="infer") == pytest.approx(2.0)
    assert counted(COUNTS, stage="infer") == 4


def test_what_no_model_looked_at_was_no_run() -> None:
    counted = Counted()
    stage = Stage("find_vehicles", lambda _work: Outcome.skipped(MODEL_MISSING), runs_on=RunsOn.DEVICE)
    run_all(Pipeline(begin(stage)), work_of("a"))
    assert counted(COUNTS, stage="infer") == 0
    assert counted("veilgate_chunk_pictures_count", stage="find_vehicles") == 0


def test_a_stage_that_is_two_steps_tells_of_them_itself() -> None:
    counted = Counted()
    run_all(Pipeline(begin(Stage("decode_picture", runs_on=RunsOn.CHILDREN))), work_of("a"))
    assert counted(COUNTS, stage="decode_picture") == 0
    run_all(Pipeline(begin(Stage("a_stage_of_somebodys_own"))), work_of("a"))
    assert counted(COUNTS, stage="a_stage_of_somebodys_own") == 1
