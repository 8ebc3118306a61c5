"""Claimed jobs as pictures: what the row says reaches the engine, and what it cannot mean fails by itself."""

from dataclasses import replace

from tests.unit.stages.stand_in_stages import Listener, Stage, engine_of
from veilgate.domain.options import UploadOptions
from veilgate.persistence.records import ClaimedJob
from veilgate.services.engines.image_jobs import ImageJobs
from veilgate.stages.pipeline import Pipeline, begin

JOB = ClaimedJob(
    id="a",
    owner_id="local",
    image_id="a",
    fence=3,
    attempts=1,
    deliveries=1,
    options=UploadOptions(mask_scale=1.5).as_json(),
    original_key="original/a",
    filename="a.jpg",
    sha256="0" * 64,
    format="jpeg",
    width=640,
    height=480,
    created_at_ms=1000,
    started_at_ms=3500,
    correlation_id=None,
    not_before_ms=2000,
    asked_at_ms=1500,
)


def test_the_engine_is_told_what_the_row_says() -> None:
    listener = Listener()
    engine = engine_of(Pipeline(begin(Stage("only"))), listener)
    ImageJobs(engine).begin(JOB)
    listener.wait_for("a")
    engine.close()
    work = listener.ends["a"].work
    assert (work.fence, work.attempts, work.queued_ms, work.since_asked_ms) == (3, 1, 2500, 2000)
    assert work.options == UploadOptions(mask_scale=1.5)
    assert (work.header.width, work.header.height) == (640, 480)


def test_options_of_another_version_fail_their_job_and_not_the_worker() -> None:
    listener = Listener()
    stage = Stage("only")
    engine = engine_of(Pipeline(begin(stage)), listener)
    ImageJobs(engine).begin(replace(JOB, options='{"blur_style": "of next year"}'))
    listener.wait_for("a")
    engine.close()
    error = listener.ends["a"].error
    assert error is not None
    assert (error.code, error.retryable) == ("invalid_option", False)
    assert stage.chunks == []
